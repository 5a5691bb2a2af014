import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { FineGrainedFP8Config, fp8 } from './index.js'
import { golden } from './testing/golden.fixture.js'

const block = { quant_method: 'fp8' }
const config = (size: number) => new FineGrainedFP8Config({ weightBlockSize: [size, size] })

describeQuantizer(fp8, {
  configs: {
    'blocks of 16': { config: config(16), largestError: 0.07, bitsPerWeight: 8.3 },
    'blocks of 32': { config: config(32), largestError: 0.07, bitsPerWeight: 8.1 },
  },
  skipping: (modulesToNotConvert) =>
    new FineGrainedFP8Config({ weightBlockSize: [16, 16], modulesToNotConvert }),
  loadingAttributes: { dequantize: true },
  refused: {
    'a block of one size': { ...block, weight_block_size: [128] },
    'a block that is no number': { ...block, weight_block_size: ['128', '128'] },
    'a float that does not exist': { ...block, fmt: 'e3m4' },
    'an activation scheme that does not exist': { ...block, activation_scheme: 'sometimes' },
  },
  spellings: {
    'the skip list of AutoFP8': {
      json: { ...block, ignored_layers: ['lm_head'] },
      means: new FineGrainedFP8Config({ modulesToNotConvert: ['lm_head'] }),
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: { 'blocks of 32 of Python': golden('tiny-llama-fp8-b32') },
})
