import type { IntegerGrid, WeightInfo } from '@hfquant/core'
import { expect, test } from 'vitest'
import { awq } from './index.js'

const { config, formatFor } = awq.definition.convert!
const WEIGHT: WeightInfo = {
  ...{ path: 'model.layers.0.mlp.up_proj', kind: 'linear', dtype: 'bfloat16' },
  ...{ outFeatures: 16, inFeatures: 64 },
}
const GRID: IntegerGrid = { bits: 4, groupSize: 32, scaleDtype: 'bfloat16', symmetric: true }

const choose = (
  weight: Partial<WeightInfo>,
  grid: Partial<IntegerGrid> = {},
  keepsElsewhere = (_key: string) => false,
) =>
  formatFor({ ...WEIGHT, ...weight }, { ...GRID, ...grid }, config([{ weight: WEIGHT, grid: GRID }]), {
    keepsElsewhere,
  })

const componentsOf = (format: ReturnType<typeof choose>) => {
  if ('skip' in format) throw new Error(format.skip)
  return format.components(WEIGHT).map(({ key, dtype, shape }) => [key, dtype, shape])
}

test('scales keep their dtype, and zero points are there whatever they are', () => {
  expect(componentsOf(choose({}))).toEqual([
    ['qweight', 'int32', [64, 2]],
    ['qzeros', 'int32', [2, 2]],
    ['scales', 'bfloat16', [2, 16]],
  ])
})

test('readers that look for scales of an activation function find them', () => {
  const format = choose({}, {}, (key) => key === 'act_scales')
  expect(componentsOf(format)).toContainEqual(['act_scales', 'float16', [64]])
})

test.each<readonly [string, Partial<WeightInfo>, Partial<IntegerGrid>, string]>([
  ['other widths', {}, { bits: 3 }, 'has codes of 3 bits, expected 4'],
  [
    'scales that readers would round',
    {},
    { scaleDtype: 'float32' },
    'has scales in float32, expected 16 bits',
  ],
  ['a head', { path: 'lm_head' }, {}, 'is outside of the blocks'],
  ['rows that fill no word', { outFeatures: 12 }, {}, 'has 12 output features, no multiple of 8'],
  ['a short group', { inFeatures: 48 }, {}, 'has 48 input features, no multiple of 32'],
])('%s are refused with the reason', (_, weight, grid, skip) => {
  expect(choose(weight, grid)).toEqual({ skip })
})

test('rows of several lengths that are one group each have the group size -1; other sizes differ', () => {
  const weights = [64, 128].map((inFeatures) => ({
    weight: { ...WEIGHT, path: `model.layers.0.${inFeatures}`, inFeatures },
    grid: { ...GRID, groupSize: inFeatures },
  }))
  expect(config(weights).groupSize).toBe(-1)
  expect(config(weights.slice(1)).groupSize).toBe(128)
  expect(() => config([{ weight: WEIGHT, grid: GRID }, ...weights])).toThrow(
    expect.objectContaining({ code: 'CONVERSION_INEXACT', module: 'model.layers.0.64', expected: 32 }),
  )
})
