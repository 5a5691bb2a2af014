import type { LoweringInput } from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { expect, test } from 'vitest'
import type { Bits } from '../format/bits.js'
import { codeChunks, codePieces } from './constants.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

const layoutOf = (rows: number, columns: number, symmetric: boolean, bits: Bits = 4): PackedLayout => ({
  ...{
    bits,
    container: bits <= 4 ? 4 : 8,
    blockSize: 32,
    blocks: Math.ceil(columns / 32),
    rows,
    columns,
    symmetric,
  },
  ...{ groupSize: 32, scaleDtype: 'float16', zeroPoints: 'gptq' },
  ...{ hasGroupIndex: true, order: undefined },
})

function layerOf(rows: number, columns: number, bits = 4): LoweringInput {
  const stored = new Uint8Array(new SharedArrayBuffer(Math.ceil((columns * bits) / 32) * 4 * rows))
  for (let index = 0; index < stored.length; index++) stored[index] = (index * 73 + (index >> 8)) & 255
  return {
    ...({} as LoweringInput),
    read: async () => stored,
    source: () => ({ buffer: stored.buffer as SharedArrayBuffer, byteOffset: 0, byteLength: stored.length }),
  }
}

test.each([
  [24, 64, true, 4],
  [24, 64, false, 4],
  [2 ** 14 + 5, 2048, true, 4],
  [24, 64, true, 8],
  [20, 96, false, 8],
  [24, 64, true, 3],
  [24, 64, false, 2],
  [24, 60, true, 4],
  [24, 60, false, 8],
] as const)(
  'threads make the same codes: %d rows, %d columns, symmetric %s, %d bits',
  async (rows, columns, symmetric, bits) => {
    const layer = layerOf(rows, columns, bits)
    const scattered = Int32Array.from({ length: columns }, (_, at) => (7 * at + 3) % columns)
    for (const order of [undefined, scattered]) {
      const layout = { ...layoutOf(rows, columns, symmetric, bits), order }
      const chunks: Uint8Array[] = []
      for await (const bytes of codeChunks(layer, layout)) chunks.push(bytes)
      const expected = Buffer.concat(chunks)
      expect(Buffer.compare(await madeByThreads(layer, layout, expected.length), expected)).toBe(0)
    }
  },
)

async function madeByThreads(layer: LoweringInput, layout: PackedLayout, byteLength: number) {
  const made = new Uint8Array(new SharedArrayBuffer(byteLength))
  await using pool = createKernelPool({ workers: 1 })
  for (const { output, ...task } of codePieces(layer, layout)!) {
    const { offset: byteOffset, ...range } = output
    await pool.run({ ...task, outputs: [{ ...range, buffer: made.buffer, byteOffset }] })
  }
  return made
}

test('codes of 2 bits that stay so are made here', () => {
  const layout = { ...layoutOf(24, 64, true), bits: 2 as const, container: 2 as const }
  expect(codePieces(layerOf(24, 64, 2), layout)).toBeUndefined()
})
