import { mkdirSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { float, load, parent } from './testing/quantize.fixture.js'

describe('a model that exists only compiled', () => {
  const compiled = join(parent, 'compiled')

  test.each([
    ['without further arguments', {}],
    ['with a quantization', { quantize: 'int8' }],
    ['with a value that would be refused otherwise', { quantize: 'fp16' }],
    ['with one of a wrong type', { quantize: true }],
    ['with an unknown option', { quantise: 'int8' }],
  ])('is refused as such first, %s', async (_what, options) => {
    await cp(float, compiled, { recursive: true })
    await rm(join(compiled, 'model.safetensors'))
    await rm(join(compiled, 'expected_logits.safetensors'))
    mkdirSync(join(compiled, 'onnx'), { recursive: true })
    writeFileSync(join(compiled, 'onnx', 'model.onnx'), '')
    await expect(load(compiled, options as object)).rejects.toMatchObject({
      name: 'CapabilityError',
      code: 'MODEL_COMPILED_ONLY',
      file: join(compiled, 'onnx', 'model.onnx'),
      hint: expect.stringContaining('Quantize the checkpoint'),
    })
  })

  test('is not the same as a model that has a compiled copy beside its weights', async () => {
    const both = join(parent, 'both')
    await cp(float, both, { recursive: true })
    writeFileSync(join(both, 'model.onnx'), '')
    await using model = await load(both)
    expect(model.quantization).toBeUndefined()
  })
})
