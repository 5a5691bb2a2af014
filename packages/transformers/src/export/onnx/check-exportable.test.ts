import type { ModelDescription } from '@hfquant/models'
import { expect, test } from 'vitest'
import { checkExportable } from './check-exportable.js'

const withLayers = (layers: ModelDescription['facts']['layers']) =>
  ({
    kind: 'decoder',
    name: 'Model',
    onnxModelTypes: ['model'],
    facts: { layers },
  }) as unknown as ModelDescription

const layer = { kind: 'kv', heads: 2, headSize: 8 } as const
const config = { model_type: 'model' }

test('layers may differ in how far they look back', () => {
  expect(() => checkExportable(withLayers([{ ...layer, window: 4 }, layer]), config)).not.toThrow()
})

test.each([
  ['heads', { ...layer, heads: 1 }],
  ['sizes of heads', { ...layer, headSize: 16 }],
  ['whether they have a cache of their own', { kind: 'shared', with: 0 } as const],
])('layers that differ in %s are refused', (_, other) => {
  expect(() => checkExportable(withLayers([layer, other]), config)).toThrow(
    expect.objectContaining({
      code: 'EXPORT_CACHE',
      found: 'model',
      hint: expect.stringContaining('Save it'),
    }),
  )
})
