import { fileURLToPath } from 'node:url'
import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { GPTQConfig, gptq } from './index.js'

const golden = (name: string) =>
  fileURLToPath(new URL(`../../../goldens/gptq/tiny-llama-${name}`, import.meta.url))
const block = { quant_method: 'gptq', group_size: 128, dataset: ['text'] }
/** Sequences of 32 tokens, below 96. */
const dataset = Array.from({ length: 16 }, (_, row) =>
  Array.from({ length: 32 }, (_, at) => (7 * row + at * at) % 96),
)

describeQuantizer(gptq, {
  configs: {
    '4 bits': { config: new GPTQConfig({ bits: 4, method: 'rtn' }), largestError: 0.1, bitsPerWeight: 4.25 },
    '3 bits, asymmetric': {
      config: new GPTQConfig({ bits: 3, groupSize: 32, sym: false, method: 'rtn' }),
      ...{ largestError: 0.2, bitsPerWeight: 3.7 },
    },
    '8 bits': { config: new GPTQConfig({ bits: 8, groupSize: -1, method: 'rtn' }), largestError: 0.01 },
  },
  skipping: (modules) => {
    const rules = modules.map((path) => [`-:.*${path.replaceAll('.', '\\.')}(\\..*)?$`, {}])
    return new GPTQConfig({ bits: 4, method: 'rtn', dynamic: Object.fromEntries(rules) })
  },
  calibrated: { '4 bits, calibrated': new GPTQConfig({ bits: 4, groupSize: 32, dataset, descAct: true }) },
  loadingAttributes: { backend: 'torch', max_input_length: 4 },
  refused: {
    '1 bit (row 24)': { ...block, bits: 1 },
    'bits that are no number (row 24)': { ...block, bits: '' },
    'a damping of 10 (row 24)': { ...block, bits: 4, damp_percent: 10 },
    'a dataset that does not exist (row 24)': { ...block, bits: 4, dataset: 'my-data' },
  },
  spellings: {
    'two bits, a named dataset and a damping (row 24)': {
      json: { ...block, bits: 2, dataset: 'c4', damp_percent: 0.01 },
      means: { bits: 2, damp_percent: 0.01 },
    },
    'the block of optimum (row 25)': {
      json: {
        bits: 4,
        group_size: 128,
        damp_percent: 0.1,
        desc_act: false,
        sym: true,
        true_sequential: true,
        model_seqlen: 2048,
      },
      means: { bits: 4, group_size: 128, desc_act: false, sym: true },
    },
    'the names of older tools (row 25)': {
      json: { w_bit: 4, q_group_size: 64 },
      means: { bits: 4, group_size: 64 },
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: {
    'act-order of GPTQModel': golden('gptq-w4-g32-desc-act'),
    'symmetric, in shards': golden('gptq-w4-g64-sym'),
  },
})
