import { readFileSync } from 'node:fs'
import type { ConstantTensor, GraphBuilder, LoweringInput } from '@hfquant/core'
import { blockBytes, blockValues, dequantizeBlocks, ggufBlockTypes, isIntegerType } from '@hfquant/gguf'
import { expect, test } from 'vitest'
import { blockFormat } from './block-format.js'

const file = readFileSync(new URL('../../../../../goldens/gguf/blocks.safetensors', import.meta.url))
const start = 8 + Number(file.readBigUInt64LE(0))
const header = JSON.parse(file.toString('utf8', 8, start))

const TYPES = ggufBlockTypes.filter(isIntegerType)
const ORIGIN = { tensor: 'blk.0.ffn_up.weight', file: 'model.gguf' }

/** The blocks of the golden as a matrix of two rows. */
function blocksOf(type: (typeof TYPES)[number]) {
  const [from, to] = header[`${type}/bytes`].data_offsets
  const blocks = new Uint8Array(file.subarray(start + from, start + to))
  const columns = ((blocks.byteLength / blockBytes(type)) * blockValues(type)) / 2
  return {
    blocks,
    weight: { path: 'layer', kind: 'linear', dtype: 'float32', outFeatures: 2, inFeatures: columns } as const,
  }
}

/** What a lowering leaves behind: its constants by name, and the attributes of its product. */
async function lowered(type: (typeof TYPES)[number], blocks: Uint8Array, use: 'lower' | 'lowerEmbedding') {
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
  const { weight } = blocksOf(type)
  const layer = {
    weight,
    input: { id: 'x' },
    memory: 'auto',
    read: async () => blocks,
  } as unknown as LoweringInput
  const isLowered = blockFormat(type, ORIGIN)[use]!(graph, layer) !== undefined
  const bytes = new Map<string, Uint8Array>()
  for (const { name, chunks } of constants) {
    const pieces: Uint8Array[] = []
    for await (const piece of chunks()) pieces.push(piece.slice())
    bytes.set(name.split('.').at(-1)!, new Uint8Array(Buffer.concat(pieces)))
  }
  return { isLowered, bytes, attributes: attributes[0] as Record<string, { int: number }> }
}

const floats = (bytes: Uint8Array | undefined) =>
  new Float32Array((bytes ?? new Uint8Array(0)).slice().buffer)

test.each(TYPES)('%s: codes and scales are those of the file', async (type) => {
  const { blocks, weight } = blocksOf(type)
  const { bytes, attributes } = await lowered(type, blocks, 'lower')
  const [bits, size] = [attributes.bits!.int, attributes.block_size!.int]
  const [codes, scales, offsets] = [
    bytes.get('codes')!,
    floats(bytes.get('scales')),
    floats(bytes.get('offsets')),
  ]
  const wanted = dequantizeBlocks(type, blocks)
  const groups = weight.inFeatures / size
  let furthest = 0
  for (const [at, value] of wanted.entries()) {
    const code = bits === 8 ? codes[at]! : (codes[at >> 1]! >> (4 * (at & 1))) & 15
    const [row, group] = [Math.floor(at / weight.inFeatures), Math.floor((at % weight.inFeatures) / size)]
    const scale = scales[row * groups + group]!
    // [groups, rows]; absent for types without least values.
    const offset = offsets[group * 2 + row] ?? 0
    const found = (code - 2 ** (bits - 1)) * scale + offset
    const size32 = Math.max(Math.abs(offset), Math.abs(value), 1e-30)
    furthest = Math.max(furthest, Math.abs(found - value) / size32)
  }
  expect(bytes.has('offsets')).toBe(/_1$|Q[245]_K/.test(type))
  // Sums of rounded numbers: a product alone is exact.
  expect(furthest).toBeLessThan(bytes.has('offsets') ? 3e-7 : 1e-7)
})

test.each(TYPES)(
  '%s: rows of a table are looked up in codes, where no least values are added',
  async (type) => {
    const { blocks } = blocksOf(type)
    const product = await lowered(type, blocks, 'lower')
    const table = await lowered(type, blocks, 'lowerEmbedding')
    expect(table.isLowered).toBe(!product.bytes.has('offsets'))
    if (!table.isLowered) return
    expect(table.bytes.get('codes')).toEqual(product.bytes.get('codes'))
    expect(table.bytes.get('scales')).toEqual(product.bytes.get('scales'))
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
