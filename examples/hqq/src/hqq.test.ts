import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from 'hfquant'
import { hqq } from 'hfquant-backend-hqq'
import { golden } from './testing/golden.fixture.js'

const params = (weightQuantParams: object) => ({
  quant_method: 'hqq',
  quant_config: { weight_quant_params: weightQuantParams },
})

describeQuantizer(hqq, {
  configs: {
    '4 bits, groups of 64': { config: hqq(), largestError: 0.15, bitsPerWeight: 5.1 },
    '3 bits, groups of 32': {
      config: hqq({ nbits: 3, groupSize: 32 }),
      largestError: 0.3,
      bitsPerWeight: 5.3,
    },
  },
  // As in Python, a list takes the place of the default one.
  skipping: (modules) => hqq({ skipModules: ['lm_head', ...modules] }),
  refused: {
    '7 bits': params({ nbits: 7 }),
    'an axis of 2': params({ axis: 2 }),
    'a group size of 12': params({ group_size: 12 }),
    'one grid for a tensor': params({ channel_wise: false }),
    'arguments of the Python class': { quant_method: 'hqq', nbits: 4 },
  },
  spellings: {
    'of early releases': {
      json: { quant_method: 'hqq', weight_quant_params: { nbits: 3, group_size: 32 } },
      means: hqq({ nbits: 3, groupSize: 32 }),
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: {
    'w4-g64': golden('tiny-llama-hqq-w4-g64'),
    mixed: golden('tiny-llama-hqq-mixed'),
  },
})
