import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from 'hfquant'
import { quantizer } from './index.js'

describeQuantizer(quantizer, {
  configs: {
    'groups of 32': { config: quantizer(), largestError: 0.075, bitsPerWeight: 5.1 },
    'groups of 128': { config: quantizer({ groupSize: 128 }), largestError: 0.075, bitsPerWeight: 4.3 },
  },
  refused: {
    'a group size of 48': { quant_method: 'my_method', group_size: 48 },
    'a group size that is a text': { quant_method: 'my_method', group_size: '32' },
  },
  frontDoor: AutoModelForCausalLM,
})
