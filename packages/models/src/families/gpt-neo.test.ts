import type { JsonObject } from '@hfquant/core'
import { expect, test } from 'vitest'
import { gptNeo } from './gpt-neo.js'

const config = { hidden_size: 64, num_layers: 4, num_heads: 4, vocab_size: 96, max_position_embeddings: 512 }
const windowsOf = (change: JsonObject) =>
  gptNeo
    .describe({ ...config, ...change })
    .facts.layers.map((layer) => (layer.kind === 'kv' ? layer.window : undefined))

test('kinds of layers are repeated as the file says', () => {
  expect(windowsOf({})).toEqual([undefined, 256, undefined, 256])
  expect(
    windowsOf({
      attention_types: [
        [['local'], 1],
        [['global', 'local'], 2],
      ],
    }),
  ).toEqual([...[256, undefined, 256, undefined]])
})

test.each([
  [[[['global'], 3]]],
  [[[[], 1e9]]],
  [[[['global'], '4']]],
  [[[['sideways'], 4]]],
  ['global'],
  [{}],
])('attention_types %j is refused', (attention_types) => {
  expect(() => windowsOf({ attention_types } as JsonObject)).toThrow(
    expect.objectContaining({ code: 'FIELD_VALUE', field: 'attention_types' }),
  )
})

test('a file that repeats many kinds often is read as far as there are layers', () => {
  const names = Array.from({ length: 20_000 }, () => 'global')
  const attention_types = Array.from({ length: 50 }, () => [names, 1e9])
  expect(windowsOf({ attention_types, num_layers: 2000 })).toHaveLength(2000)
})
