import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  openSafetensors,
  type SafetensorsDtype,
  type TensorWithData,
  writeSafetensors,
} from '@hfquant/safetensors'
import { describe, expect, test } from 'vitest'
import { bytesOf, float, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell } from '../testing/tiny-model.fixture.js'

interface Stored {
  /** Tensors that are changed; all. */
  readonly matching?: RegExp
  /** Tensors that no module owns. */
  readonly extra?: readonly string[]
}

/** The tiny model with its values changed, and stored in another dtype. @returns the folder */
async function stored(
  name: string,
  dtype: SafetensorsDtype,
  encode: (values: Float32Array) => Uint8Array,
  { matching = /./, extra = [] }: Stored = {},
): Promise<string> {
  const to = join(folder, name)
  await mkdir(to)
  await cp(join(float, 'config.json'), join(to, 'config.json'))
  await using file = await openSafetensors(join(float, 'model.safetensors'))
  const tensors: TensorWithData[] = []
  for (const [name, { shape }] of file.tensors) {
    const data = await file.read(name)
    if (matching.test(name)) tensors.push({ name, dtype, shape, data: encode(new Float32Array(data.buffer)) })
    else tensors.push({ name, dtype: 'F32', shape, data })
  }
  for (const name of extra) tensors.push({ name, dtype: 'F32', shape: [1], data: new Uint8Array(4) })
  await writeSafetensors(join(to, 'model.safetensors'), tensors)
  return to
}

const bytes = (values: ArrayBufferView) => new Uint8Array(values.buffer)
/** Whole numbers that fit eight bits. */
const whole = (values: Float32Array) => values.map((value) => (Math.round(value * 9) % 100) + 0)
/** float8_e4m3fn codes of 1 and -2. */
const signs = (values: Float32Array) => Uint8Array.from(values, (value) => (value < 0 ? 0xc0 : 0x38))

const reference = async (change: (values: Float32Array) => Float32Array, name: string) =>
  bytesOf((await load(await stored(name, 'F32', (values) => bytes(change(values))), tinyShell())).shell)

describe('numbers that only need a cast become the dtype of the model', () => {
  test.each<readonly [SafetensorsDtype, (values: Float32Array) => Uint8Array]>([
    ['F64', (values) => bytes(Float64Array.from(whole(values)))],
    ['I8', (values) => bytes(Int8Array.from(whole(values)))],
    ['I16', (values) => bytes(Int16Array.from(whole(values)))],
    ['I32', (values) => bytes(Int32Array.from(whole(values)))],
    ['I64', (values) => bytes(BigInt64Array.from([...whole(values)].map(BigInt)))],
  ])('%s', async (dtype, encode) => {
    const expected = await reference(whole, `reference-${dtype}`)
    const from = await stored(`stored-${dtype}`, dtype, encode)
    const model = await load(from, tinyShell())
    expect(await bytesOf(model.shell)).toEqual(expected)
    // In pieces far smaller than the tensors, and what is written is what was loaded.
    const quantized = await load(from, tinyShell(), rowInt8(), { maxInFlightBytes: 100 })
    const floats = await load(join(folder, `reference-${dtype}`), tinyShell(), rowInt8())
    expect(await bytesOf(quantized.shell)).toEqual(await bytesOf(floats.shell))
    const again = await load(await save(join(folder, `saved-${dtype}`), from, model), tinyShell())
    expect(await bytesOf(again.shell)).toEqual(expected)
  })

  test('F64, where some tensors have it and others have the dtype of the model', async () => {
    const toDoubles = (values: Float32Array) => bytes(Float64Array.from(values))
    const from = await stored('some-doubles', 'F64', toDoubles, { matching: /bias|embed_tokens/ })
    const original = await bytesOf((await load(float, tinyShell())).shell)
    expect(await bytesOf((await load(from, tinyShell())).shell)).toEqual(original)
  })

  test('eight-bit floats without scales', async () => {
    const expected = await reference((values) => values.map((value) => (value < 0 ? -2 : 1)), 'signs')
    const from = await stored('stored-float8', 'F8_E4M3', signs)
    expect(await bytesOf((await load(from, tinyShell())).shell)).toEqual(expected)
  })
})

test('beside a scale they are codes of a quantization that nothing describes', async () => {
  const from = await stored('scaled', 'F8_E4M3', signs, {
    extra: ['model.layers.1.up_proj.weight_scale_inv'],
  })
  await expect(load(from, tinyShell())).rejects.toMatchObject({
    code: 'TENSOR_QUANTIZED',
    tensor: 'model.layers.1.up_proj.weight',
    message: expect.stringContaining('"model.layers.1.up_proj.weight_scale_inv" beside it'),
  })
})
