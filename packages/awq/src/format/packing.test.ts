import type {
  ComponentRows,
  ConstantTensor,
  Dtype,
  FloatRows,
  GraphBuilder,
  IntegerForm,
  LoweringInput,
  QuantizedFormat,
  StoredTensor,
  WeightInfo,
} from '@hfquant/core'
import { readTensorFile } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { awq } from '../awq.js'
import { golden } from '../testing/golden.fixture.js'
import { findGrid } from './grid.js'
import { madeFormat } from './made-format.js'
import { packGemm } from './pack-gemm.js'

const { tensors: packed } = await readTensorFile(golden('packing.safetensors'))
const { tensors: grids } = await readTensorFile(golden('grid.safetensors'))
const DTYPES: Readonly<Record<string, Dtype>> = { I32: 'int32', I16: 'int16', F16: 'float16' }
const GROUP_SIZES: Readonly<Record<string, number>> = { a: 32, b: 64, c: 128, d: 64 }
const ARRANGEMENTS = ['gemm', 'gemv', 'gemv_fast']

type Parts = Readonly<
  Record<string, { readonly dtype: Dtype; readonly shape: readonly number[]; bytes: Uint8Array }>
>

const floats = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer)

const weightOf = (shape: readonly number[]): WeightInfo => ({
  ...{ path: 'layers.0.up', kind: 'linear', dtype: 'float16', outFeatures: shape[0]!, inFeatures: shape[1]! },
})

const componentsOf = (parts: Parts) =>
  ({
    bytes: (key) => parts[key]!.bytes,
    int32: (key) => new Int32Array(parts[key]!.bytes.buffer),
    uint16: (key) => new Uint16Array(parts[key]!.bytes.buffer),
  }) as ComponentRows

const rowsOf = (
  values: Float32Array,
  columns: number,
  first = 0,
  end = values.length / columns,
): FloatRows => ({
  ...{ first, count: end - first },
  at: (row) => values.subarray((first + row) * columns, (first + row + 1) * columns),
})

/** Tensors of a shape of the golden file, in an arrangement. */
const partsOf = (shape: string, arrangement: string): Parts =>
  Object.fromEntries(
    ['qweight', 'qzeros', 'scales'].map((key) => {
      const { dtype, bytes, ...rest } = packed.get(`${shape}.${arrangement}.${key}`)!
      return [key, { ...rest, dtype: DTYPES[dtype]!, bytes: bytes.slice() }]
    }),
  )

async function formatOf(parts: Parts, json: object, shape: readonly number[]): Promise<QuantizedFormat> {
  const { definition } = awq
  const stored = {
    tensors: new Map<string, StoredTensor>(Object.entries(parts)),
    read: async (key: string) => parts[key]!.bytes,
  }
  const settings = definition.config.parse({ ...json })
  const context = {
    ...{ stored, metadata: {}, preQuantized: true, listed: undefined },
    keepsElsewhere: () => false,
  }
  return (await definition.formatFor(weightOf(shape), settings, context)) as QuantizedFormat
}

/** The weight that the constants of the product of blocks stand for, without and with what is added to it. */
async function computedWith(format: QuantizedFormat, parts: Parts, shape: readonly number[]) {
  const constants: ConstantTensor[] = []
  const graph: Pick<GraphBuilder, 'constant' | 'node' | 'literal'> = {
    constant(tensor) {
      constants.push(tensor)
      return { id: tensor.name }
    },
    node: (id) => ({ id }),
    literal: () => ({ id: 'literal' }),
  }
  const layer: Partial<LoweringInput> = {
    ...{ weight: weightOf(shape), input: { id: 'x' } },
    read: async (key) => parts[key]!.bytes,
  }
  format.lower!(graph as GraphBuilder, layer as LoweringInput)
  const made = new Map<string, Uint8Array>()
  for (const { name, chunks } of constants) {
    const pieces: Uint8Array[] = []
    for await (const piece of chunks()) pieces.push(piece)
    made.set(name.slice(name.lastIndexOf('.') + 1), new Uint8Array(Buffer.concat(pieces)))
  }
  const [rows, columns] = shape as [number, number]
  const [codes, scales, zeros] = [made.get('codes')!, floats(made.get('scales')!), made.get('zero_points')]
  const offsets = made.get('offsets')
  const blocks = scales.length / rows
  const values = new Float32Array(rows * columns)
  for (let at = 0; at < values.length; at++) {
    const [row, block] = [Math.floor(at / columns), Math.floor(((at % columns) * blocks) / columns)]
    const zeroByte = zeros?.[row * Math.ceil(blocks / 2) + (block >> 1)] ?? 0x88
    const zero = (zeroByte >> (4 * (block & 1))) & 15
    const code = (codes[at >> 1]! >> (4 * (at & 1))) & 15
    values[at] = (code - zero) * scales[row * blocks + block]!
    if (offsets === undefined) continue
    const group = Math.floor(((at % columns) * (offsets.length / 4 / rows)) / columns)
    values[at]! += floats(offsets)[group * rows + row]!
  }
  return { values, constants: [...made.keys()] }
}

const largestDifference = (some: Float32Array, others: Float32Array): number =>
  some.reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)

describe.each(Object.keys(GROUP_SIZES))('a weight of shape %s', (name) => {
  const { shape, bytes } = packed.get(`${name}.dequantized`)!
  const columns = shape[1]!
  const wanted = floats(bytes)

  test.each(ARRANGEMENTS)(
    'as %s is restored to the bit, in pieces as well, and computed with',
    async (version) => {
      const parts = partsOf(name, version)
      const format = await formatOf(parts, { version, group_size: GROUP_SIZES[name] }, shape)
      const values = new Float32Array(wanted.length)
      for (const [first, end] of [
        [0, 5],
        [5, shape[0]!],
      ] as const)
        format.dequantize(componentsOf(parts), rowsOf(values, columns, first, end), weightOf(shape))
      // Of shifts the golden has what the integers were that they were made of.
      const isFast = version === 'gemv_fast'
      const step = isFast ? 0.0075 * Math.max(...values.map(Math.abs)) : 0
      expect(largestDifference(values, wanted)).toBeLessThanOrEqual(step)
      const computed = await computedWith(format, parts, shape)
      expect(largestDifference(computed.values, wanted)).toBeLessThan(1e-7)
      expect(computed.constants).not.toContain('offsets')
    },
  )

  test.each(ARRANGEMENTS)('as %s is known by its shapes, whatever the version says', async (version) => {
    for (const promised of ARRANGEMENTS) {
      const parts = partsOf(name, version)
      const format = await formatOf(parts, { version: promised, group_size: GROUP_SIZES[name] }, shape)
      expect(format.name).toContain(`(${version})`)
      expect(format.warnings).toHaveLength(promised === version ? 0 : 1)
    }
  })

  test.each(ARRANGEMENTS)('as %s gives its integers, unless zero points were rounded', async (version) => {
    const parts = partsOf(name, version)
    const { integers } = await formatOf(parts, { version, group_size: GROUP_SIZES[name] }, shape)
    if (version === 'gemv_fast') return expect(integers).toEqual({ skip: expect.stringContaining('rounded') })
    const form = integers as IntegerForm
    const { codes, zeros } = form.unpack(componentsOf(parts), weightOf(shape))
    expect(codes).toEqual(packed.get(`${name}.codes`)!.bytes)
    expect(zeros).toEqual(packed.get(`${name}.zeros`)!.bytes)
    expect(form.grid).toEqual({
      ...{ bits: 4, groupSize: GROUP_SIZES[name], scaleDtype: 'float16', symmetric: false },
    })
  })

  test('is packed as gemm to the same words', () => {
    for (const [key, from] of [
      ['qweight', 'codes'],
      ['qzeros', 'zeros'],
    ] as const) {
      const words = packed.get(`${name}.gemm.${key}`)!.bytes
      const made = new Int32Array(words.byteLength / 4)
      packGemm(packed.get(`${name}.${from}`)!.bytes, shape[0]!, made)
      expect(new Uint8Array(made.buffer)).toEqual(words)
    }
  })
})

test('as gemv_fast has columns in sixty-fours, or is refused by name', async () => {
  const part = (dtype: Dtype, ...shape: number[]) => ({ dtype, shape, bytes: new Uint8Array(0) })
  const parts = {
    qweight: part('int16', 2, 96),
    scales: part('float16', 32, 8),
    qzeros: part('float16', 32, 8),
  }
  const reading = formatOf(parts, { version: 'gemv_fast', group_size: 32 }, [8, 96])
  await expect(reading).rejects.toMatchObject({ code: 'TENSOR_MISMATCH', tensor: 'layers.0.up.qweight' })
})

test('a shift that is no whole number of scales keeps its fraction', async () => {
  const { shape } = packed.get('a.dequantized')!
  const parts = partsOf('a', 'gemv_fast')
  const [shifts, scales] = ['qzeros', 'scales'].map((key) => new Uint16Array(parts[key]!.bytes.buffer))
  // An exponent less is half of the scale; 0 has none, and is the whole weight.
  for (let at = 0; at < 64; at += 3) shifts![at] = scales![at]! - (1 << 10)
  scales![64 + 7] = 0
  const format = await formatOf(parts, { version: 'gemv_fast', group_size: 32 }, shape)
  const values = new Float32Array(shape[0]! * shape[1]!)
  format.dequantize(componentsOf(parts), rowsOf(values, shape[1]!), weightOf(shape))
  const computed = await computedWith(format, parts, shape)
  expect(computed.constants).toContain('offsets')
  expect(largestDifference(computed.values, values)).toBeLessThan(1e-6)
})

test('tensors without zero points have 8 everywhere, and scales may be negative', async () => {
  const { shape } = packed.get('b.dequantized')!
  const { qzeros, ...parts } = partsOf('b', 'gemm')
  new Uint8Array(parts.scales!.bytes.buffer)[1]! |= 0x80
  const format = await formatOf(parts, { zero_point: false, group_size: 64 }, shape)
  const values = new Float32Array(shape[0]! * shape[1]!)
  format.dequantize(componentsOf(parts), rowsOf(values, shape[1]!), weightOf(shape))
  const [code, zero] = [packed.get('b.codes')!.bytes, packed.get('b.zeros')!.bytes]
  const wanted = floats(packed.get('b.dequantized')!.bytes)
  const at = code.findIndex((each, index) => index < 64 && each !== zero[0])
  const scale = wanted[at]! / (code[at]! - zero[0]!)
  expect(values[at]).toBeCloseTo(-scale * (code[at]! - 8), 6)
  const computed = await computedWith(format, parts, shape)
  expect(largestDifference(computed.values, values)).toBeLessThan(1e-7)
  expect(computed.constants).not.toContain('zero_points')
  expect(qzeros).toBeDefined()
})

test.each(['reference', 'ours'])('groups get the scales and zero points of the rule "%s"', (rule) => {
  const weights = floats(grids.get('w')!.bytes)
  const [scales, zeros] = ['scales', 'zeros'].map((key) => floats(grids.get(`${rule}.${key}`)!.bytes))
  for (let group = 0; group < scales!.length; group++) {
    const grid = findGrid(weights.subarray(group * 32, (group + 1) * 32), rule === 'reference')
    expect([group, grid]).toEqual([group, { scale: scales![group], zero: zeros![group]! + 0 }])
  }
})

test('numbers become the codes of the reference: constants, one sign, outliers and tiny ones among them', async () => {
  const weights = floats(grids.get('w')!.bytes)
  const weight = weightOf([16, 64])
  const format = madeFormat(weight, { groupSize: 32, reference: false, scalesActivation: false })
  const parts: Parts = Object.fromEntries(
    format
      .components(weight)
      .map(({ key, dtype, shape }) => [
        key,
        { dtype, shape, bytes: new Uint8Array(shape.reduce((a, b) => a * b) * (dtype === 'int32' ? 4 : 2)) },
      ]),
  )
  format.quantize!(rowsOf(weights, 64), componentsOf(parts), weight)
  const values = new Float32Array(weights.length)
  format.dequantize(componentsOf(parts), rowsOf(values, 64), weight)
  expect(values.map((value) => value + 0)).toEqual(
    floats(grids.get('ours.dequantized')!.bytes).map((value) => value + 0),
  )
})
