import { expect, test } from 'vitest'
import type { LoweringInput } from '../contract/format.js'
import type { GraphBuilder, GraphValue } from '../contract/graph.js'
import { integerProduct } from './integer-product.js'

test('rows longer than an integer sum can hold have no product', () => {
  const value: GraphValue = { id: 'x' }
  const graph: Partial<GraphBuilder> = { constant: () => value, literal: () => value, node: () => value }
  const product = (inFeatures: number) => {
    const layer: Partial<LoweringInput> = {
      weight: { path: 'fc', kind: 'linear', outFeatures: 2, inFeatures, dtype: 'float32' },
    }
    const activations = { codes: value, scale: value, zeroPoint: undefined }
    const weight = { key: 'codes', scales: async () => Float32Array.of(1, 1) }
    return integerProduct(graph as GraphBuilder, layer as LoweringInput, activations, weight)
  }
  expect(product(2 ** 17 - 1)).toBe(value)
  expect(product(2 ** 17)).toBeUndefined()
})
