import { readFileSync } from 'node:fs'
import type { ConstantTensor, GraphBuilder, LoweringInput } from '@hfquant/core'
import {
  blockBytes,
  blockValues,
  dequantizeBlocks,
  ggufBlockTypes,
  integersOf,
  isIntegerType,
} from '@hfquant/gguf'
import { createKernelPool } from '@hfquant/kernels'
import { expect, test } from 'vitest'
import { blockFormat } from './block-format.js'

const file = readFileSync(new URL('../../../../../goldens/gguf/blocks.safetensors', import.meta.url))
const start = 8 + Number(file.readBigUInt64LE(0))
const header = JSON.parse(file.toString('utf8', 8, start))

const TYPES = ggufBlockTypes.filter(isIntegerType)
const ORIGIN = { tensor: 'blk.0.ffn_up.weight', file: 'model.gguf' }

/** The blocks of the golden, or so many of them, as a matrix of two rows. */
function blocksOf(type: (typeof TYPES)[number], count = Number.POSITIVE_INFINITY) {
  const [from, to] = header[`${type}/bytes`].data_offsets
  const end = Math.min(start + to, start + from + count * blockBytes(type))
  const blocks = new Uint8Array(file.subarray(start + from, end))
  const columns = ((blocks.byteLength / blockBytes(type)) * blockValues(type)) / 2
  return {
    blocks,
    weight: { path: 'layer', kind: 'linear', dtype: 'float32', outFeatures: 2, inFeatures: columns } as const,
  }
}

/** What a lowering leaves behind: its constants by name, and the attributes of its product. */
async function lowered(
  type: (typeof TYPES)[number],
  blocks: Uint8Array,
  use: 'lower' | 'lowerEmbedding',
  { weight } = blocksOf(type),
) {
  const constants: ConstantTensor[] = []
  const attributes: Record<string, unknown>[] = []
  const graph: GraphBuilder = {
    constant(tensor) {
      constants.push(tensor)
      return { id: tensor.name }
    },
    literal: () => ({ id: 'literal' }),
    node(operator, _inputs, options) {
      if (/Quantized|NBits/.test(operator)) attributes.push(options!.attributes!)
      return { id: operator }
    },
    nodes: () => [],
  }
  const layer = {
    weight,
    input: { id: 'x' },
    memory: 'auto',
    read: async () => blocks,
    source: () => ({
      ...{ buffer: blocks.buffer, byteOffset: blocks.byteOffset, byteLength: blocks.byteLength },
    }),
  } as unknown as LoweringInput
  const isLowered = blockFormat(type, ORIGIN)[use]!(graph, layer) !== undefined
  const bytes = new Map<string, Uint8Array>()
  for (const { name, chunks } of constants) {
    const pieces: Uint8Array[] = []
    for await (const piece of chunks()) pieces.push(piece.slice())
    bytes.set(name.split('.').at(-1)!, new Uint8Array(Buffer.concat(pieces)))
  }
  return { constants, isLowered, bytes, attributes: attributes[0] as Record<string, { int: number }> }
}

const floats = (bytes: Uint8Array | undefined) =>
  new Float32Array((bytes ?? new Uint8Array(0)).slice().buffer)

/** What products of these read is not to the bit what the file holds: groups are joined, or weights are rounded. */
const EIGHT_BITS = TYPES.filter((type) => /^Q5_[1K]$|^Q[26]_K$/.test(type))

/** The weights that codes, scales and offsets stand for. */
function restored(
  { bytes, attributes }: Awaited<ReturnType<typeof lowered>>,
  { weight, columnsOfOffset }: { readonly weight: WeightShape; readonly columnsOfOffset: number },
): Float64Array {
  const [bits, size] = [attributes.bits!.int, attributes.block_size!.int]
  const [codes, scales, offsets] = [
    bytes.get('codes')!,
    floats(bytes.get('scales')),
    floats(bytes.get('offsets')),
  ]
  const { outFeatures, inFeatures } = weight
  return Float64Array.from({ length: outFeatures * inFeatures }, (_, at) => {
    const code = bits === 8 ? codes[at]! : (codes[at >> 1]! >> (4 * (at & 1))) & 15
    const [row, column] = [Math.floor(at / inFeatures), at % inFeatures]
    const scale = scales[row * (inFeatures / size) + Math.floor(column / size)]!
    // [runs of columns, rows]; absent for types without least values.
    const offset = offsets[Math.floor(column / columnsOfOffset) * outFeatures + row] ?? 0
    return (code - 2 ** (bits - 1)) * scale + offset
  })
}

type WeightShape = ReturnType<typeof blocksOf>['weight']

test.each(TYPES)('%s: codes and scales stand for the weights of the file', async (type) => {
  const { blocks, weight } = blocksOf(type)
  const made = await lowered(type, blocks, 'lower')
  const columnsOfOffset = integersOf(type).groupSize
  const found = restored(made, { weight, columnsOfOffset })
  const wanted = dequantizeBlocks(type, blocks)
  const scales = floats(made.bytes.get('scales'))
  const offsets = floats(made.bytes.get('offsets'))
  const largest = Math.max(...offsets.map(Math.abs), 0)
  expect(made.bytes.has('offsets')).toBe(/^Q4_1$|^Q4_K$/.test(type))
  for (const [at, value] of wanted.entries()) {
    const size = made.attributes.block_size!.int
    const scale = Math.abs(scales[Math.floor(at / size)]!)
    // Sums of rounded numbers: a product alone is exact.
    const rounding = Math.max(largest, Math.abs(value), 1e-30) * (offsets.length > 0 ? 3e-7 : 1e-7)
    const bound = rounding + (EIGHT_BITS.includes(type) ? scale * (1 + 1e-6) : 0)
    expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(bound)
  }
})

test.each(TYPES)('%s: threads make the same codes and scales', async (type) => {
  await using pool = createKernelPool({ workers: 1 })
  for (const use of ['lower', 'lowerEmbedding'] as const) {
    const { constants, bytes } = await lowered(type, blocksOf(type).blocks, use)
    for (const { name, pieces } of constants) {
      const part = name.split('.').at(-1)!
      if (part === 'offsets') continue
      const wanted = bytes.get(part)!
      const made = new Uint8Array(new SharedArrayBuffer(wanted.length))
      for (const { output, ...task } of pieces!()!) {
        const { offset: byteOffset, ...range } = output
        await pool.run({ ...task, outputs: [{ ...range, buffer: made.buffer, byteOffset }] })
      }
      expect(Buffer.compare(made, wanted)).toBe(0)
    }
  }
})

test.each(EIGHT_BITS)('%s: a product reads no more scales than int8-weight-only', async (type) => {
  const { attributes } = await lowered(type, blocksOf(type).blocks, 'lower')
  expect([attributes.bits!.int, attributes.block_size!.int]).toEqual([8, 64])
})

test('a row of Q5_1 that is no multiple of 64 is rounded in blocks of 32', async () => {
  const { blocks, weight } = blocksOf('Q5_1', 6)
  const made = await lowered('Q5_1', blocks, 'lower', { blocks, weight })
  expect([weight.inFeatures, made.attributes.block_size!.int]).toEqual([96, 32])
  const found = restored(made, { weight, columnsOfOffset: 32 })
  const scales = floats(made.bytes.get('scales'))
  for (const [at, value] of dequantizeBlocks('Q5_1', blocks).entries()) {
    const half = Math.abs(scales[Math.floor(at / 32)]!) / 2
    expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(half * (1 + 1e-6))
  }
})

test.each(TYPES)(
  '%s: rows of a table are looked up in codes, where no least values are added',
  async (type) => {
    const { blocks } = blocksOf(type)
    const table = await lowered(type, blocks, 'lowerEmbedding')
    expect(table.isLowered).toBe(!/_1$|Q[245]_K/.test(type))
    if (!table.isLowered) return
    const { weight } = blocksOf(type)
    const found = restored(table, { weight, columnsOfOffset: weight.inFeatures })
    for (const [at, value] of dequantizeBlocks(type, blocks).entries())
      expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(1e-7 * Math.abs(value))
  },
)

test('a scale that is no number is found, with the tensor and its file', async () => {
  const { blocks, weight } = blocksOf('Q8_0')
  const infinite = blocks.slice()
  new DataView(infinite.buffer).setUint16(infinite.length / 2, 0x7c00, true)
  const refused = expect.objectContaining({
    code: 'TENSOR_NOT_FINITE',
    found: Number.POSITIVE_INFINITY,
    message: expect.stringContaining('in row 1'),
    ...ORIGIN,
  })
  await expect(lowered('Q8_0', infinite, 'lower')).rejects.toThrow(refused)
  const rows = { first: 0, count: 2, at: () => new Float32Array(weight.inFeatures) }
  const stored = { uint8: () => infinite } as never
  expect(() => blockFormat('Q8_0', ORIGIN).dequantize(stored, rows, weight)).toThrow(
    expect.objectContaining({ code: 'TENSOR_NOT_FINITE', ...ORIGIN }),
  )
})
