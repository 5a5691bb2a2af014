import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { QuantoConfig, quanto } from './index.js'
import { golden } from './testing/golden.fixture.js'

const block = { quant_method: 'quanto' }

describeQuantizer(quanto, {
  // Types with a code in each byte are made to the bit in formats.test.ts; the suite takes seconds for each.
  configs: {
    int4: { config: new QuantoConfig({ weights: 'int4' }), largestError: 0.08, bitsPerWeight: 6 },
  },
  skipping: (modulesToNotConvert) => new QuantoConfig({ weights: 'int4', modulesToNotConvert }),
  refused: {
    'a type that does not exist': { ...block, weights: 'int3' },
    activations: { ...block, activations: 'int8' },
    'a map that is none': { ...block, quanto_qmap: [] },
    'an entry of the map that is none': { ...block, quanto_qmap: { lm_head: 'qint8' } },
    'a type of AMD': { ...block, quanto_qmap: { lm_head: { weights: 'qfloat8_e4m3fnuz' } } },
    'activations of a type that does not exist': {
      ...block,
      quanto_qmap: { lm_head: { weights: 'qint8', activations: 'int8' } },
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: { 'int4 of Python': golden('tiny-llama-quanto-int4') },
})
