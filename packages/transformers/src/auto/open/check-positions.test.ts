import { expect, test } from 'vitest'
import { checkPositions } from './check-positions.js'

const facts = (maxPositions: number, headSize: number) => ({
  maxPositions,
  layers: [{ kind: 'kv', heads: 1, headSize } as const],
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
