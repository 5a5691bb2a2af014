import { describe, expect, test } from 'vitest'
import type { ConstantTensor, GraphBuilder, NodeOptions } from '../contract/graph.js'
import { blockScales, blockZeros, packCodes, rowPieces, unpackCodes } from './block-constants.js'
import { blockProduct, blockSizeFor } from './block-product.js'

const joined = async (chunks: AsyncIterable<Uint8Array>) => {
  const pieces: Uint8Array[] = []
  for await (const chunk of chunks) pieces.push(chunk)
  return Buffer.concat(pieces)
}

describe('codes are packed', () => {
  test.each([
    [8, [1, 2, 3, 255], [1, 2, 3, 255]],
    [4, [1, 2, 15, 0], [0x21, 0x0f]],
    [2, [1, 2, 3, 0], [0b00111001]],
  ] as const)('%d bits, the first of a byte in its lowest bits', (bits, codes, bytes) => {
    const packed = packCodes(Uint8Array.from(codes), 1, { columns: 4, bits, blockSize: 4 })
    expect([...packed]).toEqual(bytes)
  })

  test.each([
    [8, [-128, 127, 0, 1], [0, 255, 128, 129]],
    [4, [-8, 7, 0, 1], [0xf0, 0x98]],
    [2, [-2, 1, 0, -1], [0b01101100]],
  ] as const)('%d bits from signed ones', (bits, codes, bytes) => {
    const signed = new Uint8Array(Int8Array.from(codes).buffer)
    expect([...packCodes(signed, 1, { columns: 4, bits, blockSize: 4, signed: true })]).toEqual(bytes)
  })

  test.each([8, 4, 2] as const)('%d bits, and unpacked again', (bits) => {
    const codes = Uint8Array.from({ length: 16 }, (_, index) => (index * 5) % 2 ** bits)
    expect(unpackCodes(packCodes(codes, 2, { columns: 8, bits }), bits)).toEqual(codes)
  })

  test('row by row, each padded to whole blocks', () => {
    const codes = Uint8Array.from([1, 2, 3, 4, 5, 6])
    const packed = packCodes(codes, 2, { columns: 3, bits: 8, blockSize: 4 })
    expect([...packed.subarray(0, 3), ...packed.subarray(4, 7)]).toEqual([1, 2, 3, 4, 5, 6])
    expect(packCodes(codes, 2, { columns: 3, bits: 4, blockSize: 4 })).toHaveLength(4)
  })
})

test('scales and zero points of blocks are those of their groups, however many pieces they are made in', async () => {
  const bytes = await joined(blockScales(2 ** 17, 3, (row, block) => row + block / 4))
  const scales = new Float32Array(new Uint8Array(bytes).buffer)
  expect([scales.length, scales[1], scales[3 * 100_000 + 2]]).toEqual([3 * 2 ** 17, 0.25, 100_000.5])
  // Three zero points of 4 bits take two bytes: every row begins with a new one.
  const zeros = await joined(blockZeros(2, 3, 4, (row, block) => 4 * row + block))
  expect([zeros[0], zeros[1]! & 15, zeros[2], zeros[3]! & 15]).toEqual([0x10, 2, 0x54, 6])
  expect([...rowPieces(5, 2 ** 19)]).toEqual([
    [0, 2],
    [2, 4],
    [4, 5],
  ])
})

test.each([
  [32, 128, 32],
  [48, 96, 16],
  [256, 1024, 64],
  [40, 80, undefined],
  [128, 128, 64],
  [4096, 100, 64],
])('groups of %d in rows of %d are cut into blocks of %s', (groupSize, inFeatures, blockSize) => {
  expect(blockSizeFor(groupSize, inFeatures)).toBe(blockSize)
})

test('the product has its constants in the shapes of the operator, and zero points only where there are some', () => {
  const made: ConstantTensor[] = []
  const nodes: { operator: string; inputs: number; options: NodeOptions | undefined }[] = []
  const graph = {
    constant(tensor: ConstantTensor) {
      made.push(tensor)
      return { id: tensor.name }
    },
    node(operator: string, inputs: readonly unknown[], options?: NodeOptions) {
      nodes.push({ operator, inputs: inputs.length, options })
      return { id: operator }
    },
  } as unknown as GraphBuilder
  const chunks = { chunks: () => (async function* () {})() }
  const weight = { outFeatures: 3, inFeatures: 100 }
  const common = { name: 'fc', bits: 4, blockSize: 32, codes: chunks, scales: chunks } as const
  blockProduct(graph, { id: 'x' }, weight, { ...common, zeros: chunks })
  expect(made.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ['fc.codes', 'uint8', [3, 4, 16]],
    ['fc.scales', 'float32', [3, 4]],
    ['fc.zero_points', 'uint8', [3, 2]],
  ])
  blockProduct(graph, { id: 'x' }, weight, { ...common, codes: { id: 'stored' } })
  expect(nodes.map(({ inputs }) => inputs)).toEqual([4, 3])
  expect(nodes[0]!.options!.attributes).toMatchObject({
    K: { int: 100 },
    N: { int: 3 },
    accuracy_level: { int: 4 },
  })
})
