import { fileURLToPath } from 'node:url'
import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { BitsAndBytesConfig, bitsandbytes } from './index.js'

const golden = (name: string) =>
  fileURLToPath(new URL(`../../../goldens/bitsandbytes/tiny-llama-${name}`, import.meta.url))
const nf4 = { loadIn4bit: true, bnb4bitQuantType: 'nf4' } as const
const block = { quant_method: 'bitsandbytes' }

describeQuantizer(bitsandbytes, {
  configs: {
    nf4: { config: new BitsAndBytesConfig(nf4), largestError: 0.2, bitsPerWeight: 4.51 },
    'nf4, double quantization': {
      config: new BitsAndBytesConfig({ ...nf4, bnb4bitUseDoubleQuant: true }),
      ...{ largestError: 0.2, bitsPerWeight: 4.14 },
    },
    fp4: { config: new BitsAndBytesConfig({ loadIn4bit: true }), largestError: 0.2 },
    int8: { config: new BitsAndBytesConfig({ loadIn8bit: true }), largestError: 0.005, bitsPerWeight: 8.1 },
  },
  skipping: (llmInt8SkipModules) => new BitsAndBytesConfig({ loadIn8bit: true, llmInt8SkipModules }),
  refused: {
    '4 and 8 bits at once (row 7)': { ...block, load_in_4bit: true, load_in_8bit: true },
    'a storage dtype that does not exist (row 8)': {
      ...block,
      load_in_4bit: true,
      bnb_4bit_quant_storage: 'add',
    },
    'a quantization type that does not exist': { ...block, load_in_4bit: true, bnb_4bit_quant_type: 'nf3' },
    'neither 4 nor 8 bits': block,
  },
  spellings: {
    'a flag that was set in an empty block (row 6)': {
      json: JSON.parse(JSON.stringify({ ...new BitsAndBytesConfig().toDict(), load_in_4bit: true })),
      means: new BitsAndBytesConfig({ loadIn4bit: true }),
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: {
    'int8 of Python': golden('bnb-int8'),
    'nf4 with double quantization of Python': golden('bnb-nf4-dq'),
    'the same in shards': golden('bnb-nf4-dq-sharded'),
  },
})
