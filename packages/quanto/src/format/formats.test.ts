import { readFile } from 'node:fs/promises'
import {
  type ComponentRows,
  type ConstantPiece,
  type ConstantTensor,
  type FloatDtype,
  type FloatRows,
  type GraphBuilder,
  type LoweringInput,
  rangeOf,
  type StoredBytes,
  type StoredTensor,
  type StoredWeight,
  unpackCodes,
  type WeightInfo,
} from '@hfquant/core'
import { runKernel, widenFloats } from '@hfquant/kernels'
import { readTensorFile } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import type { WeightType } from '../config/types.js'
import { golden } from '../testing/golden.fixture.js'
import { type MadeType, madeFormat } from './made-format.js'
import { storedFormat } from './stored-format.js'

interface Case {
  readonly qtype: WeightType
  readonly shape: readonly [number, number]
  readonly dtype: string
}

const cases: Record<string, Case> = JSON.parse(await readFile(golden('cases.json'), 'utf8'))
const { tensors } = await readTensorFile(golden('cases.safetensors'))

const DTYPES: Readonly<Record<string, StoredTensor['dtype']>> = {
  ...{ F32: 'float32', F16: 'float16', BF16: 'bfloat16', I8: 'int8', U8: 'uint8' },
  ...{ F8_E4M3: 'float8_e4m3fn', F8_E5M2: 'float8_e5m2' },
}

/** Tensors of a case under the keys that they have below a module. */
function partsOf(
  name: string,
): ReadonlyMap<string, { readonly info: StoredTensor; readonly bytes: Uint8Array }> {
  const found = [...tensors].filter(([key]) => key.startsWith(`${name}/_`))
  return new Map(
    found.map(([key, { dtype, shape, bytes }]) => [
      `weight.${key.slice(name.length + 1)}`,
      { info: { dtype: DTYPES[dtype]!, shape }, bytes },
    ]),
  )
}

const infoOf = ({ shape: [outFeatures, inFeatures], dtype }: Case): WeightInfo => ({
  ...{
    path: 'fc',
    kind: 'linear',
    outFeatures,
    inFeatures,
    dtype: dtype.replace('torch.', '') as FloatDtype,
  },
})

const rowsOf = (values: Float32Array, columns: number): FloatRows => ({
  ...{ first: 0, count: values.length / columns },
  at: (row) => values.subarray(row * columns, (row + 1) * columns),
})

function componentRows(bytesOf: (key: string) => Uint8Array): ComponentRows {
  const view =
    <View>(make: new (buffer: ArrayBufferLike, at: number, length: number) => View, size: number) =>
    (key: string) => {
      const bytes = bytesOf(key)
      return new make(bytes.buffer, bytes.byteOffset, bytes.length / size)
    }
  return {
    ...{ bytes: bytesOf, uint8: bytesOf, int8: view(Int8Array, 1), int32: view(Int32Array, 4) },
    ...{ float32: view(Float32Array, 4), uint16: view(Uint16Array, 2) },
  }
}

describe.each(Object.entries(cases))('%s', (name, one) => {
  const parts = partsOf(name)
  const info = infoOf(one)

  test('is restored to the bit', async () => {
    const stored: StoredWeight = {
      tensors: new Map([...parts].map(([key, part]) => [key, part.info])),
      read: async (key) => parts.get(key)!.bytes.slice(),
    }
    const format = await storedFormat(info, stored, { weights: one.qtype, activations: 'none' })
    const values = new Float32Array(one.shape[0] * one.shape[1])
    const own = componentRows((key) => parts.get(key)!.bytes.slice())
    format.dequantize(own, rowsOf(values, info.inFeatures), info)
    const { bytes } = tensors.get(`${name}/dequantized`)!
    expect(new Uint8Array(values.buffer)).toEqual(new Uint8Array(bytes))
  })

  test('is what its product computes with', async () => {
    const { constants, attributes } = await productOf(name, info, one.qtype)
    const { columns, rows } = { columns: info.inFeatures, rows: info.outFeatures }
    const { bits, block_size: blockSize } = attributes
    const codes = unpackCodes(constants.get('codes')!, bits as 4 | 8)
    const scales = floatsOf(constants.get('scales')!)
    const offsets = constants.has('offsets') ? floatsOf(constants.get('offsets')!) : undefined
    const runs = (offsets?.length ?? 0) / rows
    const width = codes.length / rows
    const wanted = floatsOf(tensors.get(`${name}/dequantized`)!.bytes)
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    let error = 0
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const scale = scales[row * (width / blockSize) + Math.floor(column / blockSize)]!
        const offset = offsets?.[Math.floor((column * runs) / columns) * rows + row] ?? 0
        const value = (codes[row * width + column]! - 2 ** (bits - 1)) * scale + offset
        error = Math.max(error, Math.abs(value - wanted[row * columns + column]!))
      }
    }
    // Eight-bit floats lie on the better of two grids; the others are exact but for the rounding of float32.
    expect(error / largest).toBeLessThanOrEqual(one.qtype.startsWith('qfloat8') ? 1 / 128 : 1e-6)
  })

  test('is brought into the layout of its product by threads as well', async () => {
    const { pieces, constants, attributes } = await productOf(name, info, one.qtype)
    // Rows that are padded to whole blocks are made one behind the other.
    expect(pieces.has('codes')).toBe(info.inFeatures % attributes.block_size === 0)
    for (const [part, own] of pieces) {
      const made = new Uint8Array(constants.get(part)!.length)
      for (const { kernel, params, inputs, output } of own) {
        const stored = inputs.map((input) => new Uint8Array(...inMemory(input)))
        const { offset, byteLength } = output
        runKernel(kernel, params, stored, [made.subarray(offset, offset + byteLength)])
      }
      expect(made, part).toEqual(constants.get(part))
    }
  })

  test.skipIf(one.qtype === 'qfloat8_e5m2')('is made to the bit', () => {
    const format = madeFormat(info, one.qtype as MadeType)
    const all = [...format.components(info), ...(format.scratch?.(info) ?? [])]
    const made = new Map(all.map(({ key, dtype, shape }) => [key, roomFor(dtype, shape)]))
    const rows = componentRows((key) => made.get(key)!)
    const dense = widenFloats(tensors.get(`${name}/dense`)!.bytes.slice(), info.dtype)
    format.quantize!(rowsOf(dense, info.inFeatures), rows, info)
    format.finish!(rows, info)
    for (const [key, { bytes, info: stored }] of parts) {
      expect(format.components(info).find((component) => component.key === key)).toMatchObject(stored)
      expect(made.get(key), key).toEqual(new Uint8Array(bytes))
    }
  })
})

function inMemory(stored: StoredBytes): readonly [ArrayBufferLike, number, number] {
  if (!('buffer' in stored)) throw new Error('expected bytes in memory')
  return [stored.buffer, stored.byteOffset, stored.byteLength]
}

const floatsOf = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer)

/** Constants of the product of a case by the ends of their names, and the attributes of its operator. */
async function productOf(name: string, weight: WeightInfo, qtype: WeightType) {
  const parts = partsOf(name)
  const tensorsBelow = new Map([...parts].map(([key, { info }]) => [key, info]))
  const read = async (key: string) => parts.get(key)!.bytes.slice()
  const types = { weights: qtype, activations: 'none' }
  const format = await storedFormat(weight, { tensors: tensorsBelow, read }, types)
  const made: ConstantTensor[] = []
  const attributes: Record<string, number> = {}
  const graph: Pick<GraphBuilder, 'constant' | 'node' | 'literal'> = {
    constant(tensor) {
      made.push(tensor)
      return { id: tensor.name }
    },
    node(operator, _inputs, options) {
      const given = operator === 'MatMulNBits' ? Object.entries(options?.attributes ?? {}) : []
      for (const [key, value] of given) attributes[key] = (value as { readonly int: number }).int
      return { id: operator }
    },
    literal: () => ({ id: 'literal' }),
  }
  const source = (key: string) => rangeOf(parts.get(key)!.bytes.slice())
  const layer: Partial<LoweringInput> = { weight, input: { id: 'x' }, read, source }
  format.lower!(graph as GraphBuilder, layer as LoweringInput)
  const constants = new Map<string, Uint8Array>()
  const pieces = new Map<string, readonly ConstantPiece[]>()
  for (const tensor of made) {
    const part = tensor.name.slice(tensor.name.lastIndexOf('.') + 1)
    const chunks: Uint8Array[] = []
    for await (const chunk of tensor.chunks()) chunks.push(chunk)
    constants.set(part, new Uint8Array(Buffer.concat(chunks)))
    const own = tensor.pieces?.()
    if (own !== undefined) pieces.set(part, own)
  }
  return {
    ...{ constants, pieces },
    attributes: attributes as { readonly bits: number; readonly block_size: number },
  }
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2, bfloat16: 2 }

const roomFor = (dtype: string, shape: readonly number[]): Uint8Array =>
  new Uint8Array(shape.reduce((product, size) => product * size, BYTES[dtype] ?? 1))
