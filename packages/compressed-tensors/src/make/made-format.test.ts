import { type ComponentRows, type QuantizedFormat, tensorBytes, type WeightInfo } from '@hfquant/core'
import { castFloats, type FloatDtype, holdsNonFinite } from '@hfquant/kernels'
import { describe, expect, test } from 'vitest'
import { kernels } from '../kernels.js'
import { goldenCases } from '../testing/golden-cases.fixture.js'
import { madeFormat } from './made-format.js'

const expectFormat = (choice: ReturnType<typeof madeFormat>): QuantizedFormat => {
  if ('skip' in choice) throw new Error(`expected a format, found: ${choice.skip}`)
  return choice
}

/** The tensors that a format makes of a weight in its own dtype. */
function make(format: QuantizedFormat, weight: WeightInfo, values: Uint8Array) {
  const all = [...format.components(weight), ...(format.scratch?.(weight) ?? [])]
  const parts = new Map(all.map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]))
  const { kernel, params, components } = format.quantizeKernel!(weight)
  const size = { dtype: weight.dtype, rows: weight.outFeatures, columns: weight.inFeatures }
  const outputs = components!.map((key) => parts.get(key)!)
  expect(kernels[kernel]!({ params: { ...params, ...size }, inputs: [values], outputs })).toEqual({
    nonFinite: 0,
  })
  const bytes = (key: string) => parts.get(key)!
  const view =
    <View>(View: new (buffer: ArrayBufferLike, at: number, length: number) => View, size: number) =>
    (key: string) =>
      new View(bytes(key).buffer, bytes(key).byteOffset, bytes(key).length / size)
  format.finish?.(
    { bytes, int8: view(Int8Array, 1), int32: view(Int32Array, 4) } as unknown as ComponentRows,
    weight,
  )
  return new Map(format.components(weight).map(({ key }) => [key, parts.get(key)!]))
}

/** Cases whose scheme is made here, with the dtype of their scales. */
const made = goldenCases.flatMap((own) => {
  const scales = own.stored.tensors.get('weight_scale')!
  const [scheme] = own.groups
  const isOffered = !/tensor|block|nvfp4|mx|actorder|^int_g32|^int4|^naive/.test(own.name)
  return isOffered ? [{ ...own, scheme: scheme!, dtype: scales.dtype as FloatDtype }] : []
})

describe('float weights become the bytes of the library', () => {
  test.each(made.map((own) => [own.name, own] as const))('%s', (name, own) => {
    const weight: WeightInfo = { ...own.weight, dtype: 'float32' }
    const format = name.startsWith('int_') ? 'int-quantized' : own.scheme.format
    const values = castFloats(own.dense, 'float16', 'float32')
    const choice = madeFormat({ ...weight, dtype: own.dtype }, { ...own.scheme, format })
    // Weights of golden data are float32, and their scales are not.
    const parts = make(expectFormat(choice), weight, values)
    for (const [key, bytes] of parts) expect(bytes, key).toEqual(own.bytes(key))
    expect([...parts.keys()].sort()).toEqual([...own.stored.tensors.keys()].sort())
  })

  test('of every width and with either sort of range', () => {
    expect(made.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'pack_w4_g32_sym',
        'pack_w3_g16_asym',
        'pack_w7_g32_sym',
        'int_channel_asym',
        'float_channel',
      ]),
    )
  })
})

test('scales are finite and above 0 for groups of zeros and of the smallest numbers', () => {
  const weight: WeightInfo = {
    path: 'layer',
    kind: 'linear',
    dtype: 'float16',
    outFeatures: 2,
    inFeatures: 32,
  }
  const values = new Uint8Array(new Uint16Array(64).fill(1, 32).buffer)
  for (const { scheme } of made) {
    const parts = make(
      expectFormat(madeFormat(weight, { ...scheme, weights: { ...scheme.weights!, strategy: 'channel' } })),
      weight,
      values,
    )
    const scales = parts.get('weight_scale')!
    expect(holdsNonFinite(scales, 'float16')).toBe(false)
    expect(new Uint16Array(scales.buffer).every((bits) => bits > 0)).toBe(true)
  }
})

test('what cannot be made is refused by the field that says so', () => {
  const weight: WeightInfo = {
    path: 'layer',
    kind: 'linear',
    dtype: 'float16',
    outFeatures: 2,
    inFeatures: 32,
  }
  const refusals = goldenCases
    .filter(({ name }) => /tensor|block|nvfp4|mx|actorder/.test(name))
    .map(({ groups }) => {
      try {
        madeFormat(weight, groups[0])
        return undefined
      } catch (error) {
        return error
      }
    })
  expect(refusals).toHaveLength(9)
  for (const refusal of refusals)
    expect(refusal).toMatchObject({
      code: 'FORMAT_LOAD_ONLY',
      field: expect.stringMatching(/^config_groups\.group_0\.weights\./),
    })
})
