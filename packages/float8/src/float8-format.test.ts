import { readFile } from 'node:fs/promises'
import {
  type ComponentRows,
  type ConstantTensor,
  type FloatRows,
  type GraphBuilder,
  type LoweringInput,
  type QuantizedFormat,
  type StoredWeight,
  toE4m3,
  type WeightInfo,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { readTensorFile } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { madeFormat } from './made-format.js'
import { storedFormat } from './stored-format.js'
import { golden } from './testing/golden.fixture.js'

const { tensors: file } = await readTensorFile(golden('blocks.safetensors'))
const { tensors: tables } = await readTensorFile(golden('tables.safetensors'))
const cases: Record<string, { shape: [number, number]; block: [number, number] | null; scale_fmt: string }> =
  JSON.parse(await readFile(golden('blocks.json'), 'utf8'))
const floatsOf = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer)

const weightOf = ([outFeatures, inFeatures]: readonly [number, number]): WeightInfo => ({
  ...{ path: 'layer', kind: 'linear', dtype: 'float32', outFeatures, inFeatures },
})

const partsOf = (parts: Readonly<Record<string, Uint8Array>>) =>
  ({ bytes: (key: string) => parts[key]!, float32: (key: string) => floatsOf(parts[key]!) }) as ComponentRows

const rowsOf = (
  values: Float32Array,
  columns: number,
  first = 0,
  end = values.length / columns,
): FloatRows => ({
  ...{ first, count: end - first },
  at: (row) => values.subarray((first + row) * columns, (first + row + 1) * columns),
})

const DTYPES = { F8_E4M3: 'float8_e4m3fn', F8_E8M0: 'float8_e8m0fnu', F32: 'float32' } as const

/** A weight of the file, with the scales that are stored under `scales`. */
async function stored(name: string, scales = 'weight_scale_inv') {
  const { shape, block } = cases[name]!
  const parts: Record<string, Uint8Array> = {}
  const tensors = new Map(
    [
      ['weight', 'weight'],
      ['weight_scale_inv', scales],
    ].map(([key, from]) => {
      const { dtype, shape: own, bytes } = file.get(`${name}/${from}`)!
      parts[key!] = bytes
      return [key!, { dtype: DTYPES[dtype as keyof typeof DTYPES], shape: own }]
    }),
  )
  const all: StoredWeight = { tensors, read: async (key) => parts[key]! }
  const format = await storedFormat(weightOf(shape), all, { codeDtype: 'float8_e4m3fn', block })
  return { parts, shape, format: format as QuantizedFormat }
}

describe.each(Object.keys(cases))('%s', (name) => {
  const wanted = floatsOf(file.get(`${name}/dequantized`)!.bytes)

  test('is restored to the bit, in pieces as well', async () => {
    const { parts, shape, format } = await stored(name)
    const values = new Float32Array(wanted.length)
    const middle = 11
    for (const [first, end] of [
      [0, middle],
      [middle, shape[0]],
    ] as const) {
      const weight = parts.weight!.subarray(first * shape[1], end * shape[1])
      format.dequantize(partsOf({ ...parts, weight }), rowsOf(values, shape[1], first, end), weightOf(shape))
    }
    expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(wanted.buffer))
  })

  test('is computed with values that are off by less than a 127th of the largest of their block', async () => {
    const { parts, shape, format } = await stored(name)
    const { values, size } = await onGrid(format, shape, parts)
    for (let row = 0; row < shape[0]; row++) {
      for (let left = 0; left < shape[1]; left += size) {
        const range = [row * shape[1] + left, row * shape[1] + Math.min(left + size, shape[1])] as const
        const largest = wanted.subarray(...range).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        for (let at = range[0]; at < range[1]; at++)
          expect(Math.abs(values[at]! - wanted[at]!)).toBeLessThanOrEqual(largest / 127)
      }
    }
  })
})

test('normally distributed weights lose a sixth of what fp8 itself has lost by it', async () => {
  const shape = [64, 256] as const
  const dense = new Float32Array(shape[0] * shape[1])
  for (let at = 0; at < dense.length; at++) {
    // Box and Muller, with points that fill the square evenly.
    const [u, v] = [(at * 0.7548776662466927 + 0.5) % 1, (at * 0.5698402909980532 + 0.5) % 1]
    dense[at] = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)
  }
  const weight = weightOf(shape)
  const format = madeFormat(weight, [64, 64])
  const [codes, scales] = [new Uint8Array(dense.length), new Float32Array(4)]
  const out = { bytes: () => codes, float32: () => scales } as unknown as ComponentRows
  format.quantize!(rowsOf(dense, shape[1]), out, weight)
  const parts = { weight: codes, weight_scale_inv: new Uint8Array(scales.buffer) }
  const restored = new Float32Array(dense.length)
  format.dequantize(partsOf(parts), rowsOf(restored, shape[1]), weight)
  const { values } = await onGrid(format, shape, parts)
  const distance = (found: ArrayLike<number>, from: Float32Array) =>
    Math.sqrt(
      from.reduce((sum, value, at) => sum + (found[at]! - value) ** 2, 0) /
        from.reduce((sum, value) => sum + value ** 2, 0),
    )
  expect(distance(restored, dense)).toBeCloseTo(0.0265, 3)
  expect(distance(values, restored)).toBeCloseTo(0.004, 3)
})

test('blocks whose columns no block of the product divides are computed on restored weights', () => {
  const format = madeFormat(weightOf([64, 80]), [40, 40])
  const layer = { weight: weightOf([64, 80]) } as LoweringInput
  expect(format.lower!({} as GraphBuilder, layer)).toBeUndefined()
})

test('scales may be exponents', async () => {
  const { parts, shape, format } = await stored('ue8m0', 'weight_scale_inv_e8m0')
  const values = new Float32Array(shape[0] * shape[1])
  format.dequantize(partsOf(parts), rowsOf(values, shape[1]), weightOf(shape))
  expect(values).toEqual(floatsOf(file.get('ue8m0/dequantized')!.bytes))
})

test('numbers become the codes of PyTorch', () => {
  const input = floatsOf(tables.get('encode.input')!.bytes)
  expect(Uint8Array.from(input, toE4m3)).toEqual(tables.get('encode.e4m3fn')!.bytes)
})

test.each(
  Object.entries(cases).filter(([, { block, scale_fmt: kind }]) => block !== null && kind === 'float'),
)('%s is made as Python makes it', (name, { shape, block }) => {
  const dense = widenFloats(file.get(`${name}/dense`)!.bytes, 'float16')
  const format = madeFormat(weightOf(shape), block!)
  const scales = new Float32Array(file.get(`${name}/weight_scale_inv`)!.bytes.length / 4)
  const codes = new Uint8Array(dense.length)
  for (let first = 0; first < shape[0]; first += block![0]) {
    const end = Math.min(first + block![0], shape[0])
    const out = {
      bytes: () => codes.subarray(first * shape[1], end * shape[1]),
      float32: () => scales,
    }
    format.quantize!(rowsOf(dense, shape[1], first, end), out as unknown as ComponentRows, weightOf(shape))
  }
  expect(codes).toEqual(file.get(`${name}/weight`)!.bytes)
  const wanted = new Int32Array(file.get(`${name}/weight_scale_inv`)!.bytes.slice().buffer)
  for (const [at, bits] of new Int32Array(scales.buffer).entries())
    expect(Math.abs(bits - wanted[at]!)).toBeLessThanOrEqual(1)
})

test.each([1e-37, 2 ** -126, 2 ** -149])('a block of %s has a scale, and is restored', (value) => {
  const format = madeFormat(weightOf([1, 2]), [1, 2])
  const parts = { weight: new Uint8Array(2), weight_scale_inv: new Uint8Array(4) }
  const scales = new Float32Array(parts.weight_scale_inv.buffer)
  const out = { bytes: () => parts.weight, float32: () => scales } as unknown as ComponentRows
  format.quantize!(rowsOf(Float32Array.of(value, 0), 2), out, weightOf([1, 2]))
  expect(scales[0]).toBeGreaterThan(0)
  const restored = new Float32Array(2)
  format.dequantize(partsOf(parts), rowsOf(restored, 2), weightOf([1, 2]))
  // Half of the distance of codes, of which four bits count.
  expect(Math.abs(restored[0]! - value)).toBeLessThanOrEqual(Math.max(value / 16, scales[0]!))
  expect(restored[1]).toBe(0)
})

/** The values that the product of the runtime works with. */
async function onGrid(
  format: QuantizedFormat,
  [rows, columns]: readonly [number, number],
  parts: Readonly<Record<string, Uint8Array>>,
): Promise<{ readonly values: Float64Array; readonly size: number }> {
  const constants: ConstantTensor[] = []
  const graph: Pick<GraphBuilder, 'constant' | 'node'> = {
    constant(tensor) {
      constants.push(tensor)
      return { id: tensor.name }
    },
    node: (id) => ({ id }),
  }
  const layer: Partial<LoweringInput> = {
    ...{ weight: weightOf([rows, columns]), input: { id: 'x' } },
    read: async (key) => parts[key]!,
  }
  format.lower!(graph as GraphBuilder, layer as LoweringInput)
  const [codes, scales] = await Promise.all(constants.map(bytesOf))
  const [, count, size] = constants[0]!.shape as [number, number, number]
  const steps = floatsOf(scales!)
  const values = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const block = row * count + Math.floor(column / size)
      values[row * columns + column] = (codes![block * size + (column % size)]! - 128) * steps[block]!
    }
  return { values, size }
}

async function bytesOf(tensor: ConstantTensor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of tensor.chunks()) pieces.push(piece)
  return new Uint8Array(Buffer.concat(pieces))
}
