import { afterEach, expect, test, vi } from 'vitest'
import { decodeModel, encodeModel } from './onnx-schema.js'

afterEach(() => vi.doUnmock('protobufjs'))

test('a model can be written after an attempt at which protobufjs could not be loaded', async () => {
  vi.doMock('protobufjs', () => {
    throw new Error('too many open files')
  })
  await expect(encodeModel({})).rejects.toThrow()
  vi.doUnmock('protobufjs')
  const initializer = [{ name: 'weight' }]
  const stored = await decodeModel(await encodeModel({ graph: { initializer } }))
  expect(stored.graph?.initializer).toMatchObject(initializer)
})
