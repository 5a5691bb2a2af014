import type { IntegerGrid, WeightInfo } from '@hfquant/core'
import { expect, test } from 'vitest'
import { gptq } from './index.js'

const { config, formatFor } = gptq.definition.convert!
const WEIGHT: WeightInfo = {
  ...{ path: 'model.layers.0.mlp.up_proj', kind: 'linear', dtype: 'float16' },
  ...{ outFeatures: 32, inFeatures: 64 },
}
const GRID: IntegerGrid = { bits: 4, groupSize: 32, scaleDtype: 'float16', symmetric: false }

test.each<readonly [string, Partial<WeightInfo>, Partial<IntegerGrid>, string]>([
  ['other widths', {}, { bits: 5 }, 'has codes of 5 bits, expected 2, 3, 4, 8'],
  [
    'scales that readers would round',
    {},
    { scaleDtype: 'float32' },
    'has scales in float32, expected 16 bits',
  ],
  ['a head', { path: 'lm_head' }, {}, 'is outside of the blocks'],
  ['a short group', { inFeatures: 48 }, {}, 'has 48 input features, no multiple of 32'],
  [
    'rows that fill no word',
    { outFeatures: 12 },
    {},
    'is 12 x 64, which does not fill words of 32 bits with codes of 4',
  ],
])('%s are refused with the reason', (_, weight, change, skip) => {
  const grid = { ...GRID, ...change }
  const settings = config([{ weight: WEIGHT, grid }])
  const context = { keepsElsewhere: () => false }
  expect(formatFor({ ...WEIGHT, ...weight }, grid, settings, context)).toEqual({ skip })
})

test('the block says what was done, and no more', () => {
  const json = gptq(config([{ weight: WEIGHT, grid: GRID }])).toDict()
  expect(json).toEqual({
    ...{ quant_method: 'gptq', bits: 4, group_size: 32, desc_act: false, sym: false, lm_head: false },
    ...{ format: 'gptq_v2', checkpoint_format: 'gptq_v2', pack_dtype: 'int32' },
    meta: { quantizer: [expect.stringMatching(/^hfquant:/)], method: 'converted' },
  })
})
