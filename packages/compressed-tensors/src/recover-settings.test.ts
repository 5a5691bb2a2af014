import type { Dtype, TensorInfo } from '@hfquant/core'
import { expect, test } from 'vitest'
import { recoverSettings } from './recover-settings.js'

const recover = (tensors: Readonly<Record<string, readonly [Dtype, ...number[]]>>) => {
  const infos = Object.entries(tensors).map(([name, [dtype, ...shape]]): [string, TensorInfo] => [
    name,
    { dtype, shape },
  ])
  return recoverSettings({ metadata: {}, tensors: new Map(infos) })
}

const PER_ROW = { 'up.weight': ['int8', 8, 64], 'up.weight_scale': ['float32', 8, 1] } as const

test('scales whose weight is missing, or still in float, say nothing', () => {
  const lost = { ...PER_ROW, 'down.weight_scale': ['float32', 64, 1] } as const
  const dense = { ...lost, 'head.weight': ['float32', 64, 8], 'head.weight_scale': ['float32', 1] } as const
  expect(recover(lost)!.groups).toEqual(recover(PER_ROW)!.groups)
  expect(recover(dense)).toMatchObject({ groups: recover(PER_ROW)!.groups, ignore: ['head'] })
})

test.each([
  [4, 64, 8],
  [3, 64, 6],
  [3, 40, 4],
])('words of %d bits are known by a row of %d columns that the model has', (bits, columns, words) => {
  const settings = recover({
    'norm.weight': ['float32', columns],
    'up.weight_packed': ['int32', 8, words],
    'up.weight_scale': ['float32', 8, 1],
  })
  expect(settings!.groups[0]!.weights).toMatchObject({ numBits: bits, strategy: 'channel' })
})
