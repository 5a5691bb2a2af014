import type { LoweringInput } from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { expect, test } from 'vitest'
import { codeChunks, codePieces } from './constants.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

const layoutOf = (rows: number, columns: number, symmetric: boolean, bits: 4 | 8 = 4): PackedLayout => ({
  ...{ bits, container: bits, blockSize: 32, blocks: columns / 32, rows, columns, symmetric },
  ...{ groupSize: 32, scaleDtype: 'float16', zeroPoints: 'gptq' },
  ...{ hasGroupIndex: true, order: undefined },
})

function layerOf(rows: number, columns: number, bits = 4): LoweringInput {
  const stored = new Uint8Array(new SharedArrayBuffer((rows * columns * bits) / 8))
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
] as const)(
  'threads make the same codes: %d rows, %d columns, symmetric %s, %d bits',
  async (rows, columns, symmetric, bits) => {
    const [layer, layout] = [layerOf(rows, columns, bits), layoutOf(rows, columns, symmetric, bits)]
    const chunks: Uint8Array[] = []
    for await (const bytes of codeChunks(layer, layout)) chunks.push(bytes)
    const made = new Uint8Array(new SharedArrayBuffer((rows * columns * bits) / 8))
    await using pool = createKernelPool({ workers: 1 })
    for (const { output, ...task } of codePieces(layer, layout)!) {
      const { offset: byteOffset, ...range } = output
      await pool.run({
        ...task,
        outputs: [{ ...range, buffer: made.buffer as SharedArrayBuffer, byteOffset }],
      })
    }
    expect(Buffer.compare(made, Buffer.concat(chunks))).toBe(0)
  },
)

test('codes of other widths, and rows that end within a block or a word, are made here', () => {
  const layer = layerOf(24, 64)
  const layout = layoutOf(24, 64, true)
  for (const other of [{ bits: 3 as const }, { bits: 2 as const, container: 2 as const }, { columns: 60 }]) {
    expect(codePieces(layer, { ...layout, ...other })).toBeUndefined()
  }
})
