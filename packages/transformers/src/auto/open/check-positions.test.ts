import { expect, test } from 'vitest'
import { checkPositions } from './check-positions.js'

const facts = (maxPositions: number, ...headSizes: number[]) => ({
  maxPositions,
  layers: headSizes.map((headSize) => ({ kind: 'kv', heads: 1, headSize }) as const),
})

test.each([
  ['Llama 3.1 8B', 131_072, 128, 16e9],
  ['Qwen2.5 7B of a million positions', 1_010_000, 128, 15e9],
  ['a tiny model that kept the positions of a large one', 131_072, 64, 1e6],
])('%s is opened', (_, positions, headSize, bytes) => {
  expect(() => checkPositions(facts(positions, headSize), bytes)).not.toThrow()
})

test('tables of positions that are larger than the weights are refused by the name of the field', () => {
  // 256 GB of tables for 1 MB of weights.
  expect(() => checkPositions(facts(16_777_216, 4096), 1_064_336)).toThrow(
    expect.objectContaining({ code: 'FIELD_VALUE', field: 'max_position_embeddings', expected: 16_384 }),
  )
})

test('tables of all sizes of heads count together, each once', () => {
  const sizes = Array.from({ length: 500 }, (_, index) => 2 * (index + 1))
  expect(() => checkPositions(facts(262_144, ...sizes), 1e6)).toThrow(
    expect.objectContaining({ field: 'max_position_embeddings' }),
  )
  expect(() => checkPositions(facts(262_144, ...sizes.map(() => 256)), 1e6)).not.toThrow()
})
