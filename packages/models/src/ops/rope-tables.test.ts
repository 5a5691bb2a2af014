import { describe, expect, it } from 'vitest'
import type { Rope } from '../parts/rope.js'
import { type FloatTable, ropeTables } from './rope-tables.js'

const rope = (width: number, scaling: Rope['scaling'] = { type: 'default' }): Rope => ({
  ...{ width, order: 'half', theta: 10_000, scaling },
})

async function chunksOf(table: FloatTable): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of table.chunks()) chunks.push(chunk)
  return chunks
}

async function valuesOf(table: FloatTable): Promise<Float32Array> {
  return new Float32Array(new Uint8Array(Buffer.concat(await chunksOf(table))).buffer)
}

describe('tables of cosines and sines', () => {
  it.each([
    [8, 300_000],
    [1024, 3000],
    // Half a row alone is larger than what is made at a time.
    [2 ** 20, 2],
  ])('of a width of %i are made a megabyte at a time, or one row', async (width, positions) => {
    const { cos } = ropeTables('rope', rope(width), positions)
    const sizes = (await chunksOf(cos)).map(({ byteLength }) => byteLength)
    expect(cos.shape).toEqual([positions, width / 2])
    expect(sizes.reduce((sum, size) => sum + size)).toBe(positions * (width / 2) * 4)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.max(2 ** 20, (width / 2) * 4))
  })

  it('go on from one chunk to the next', async () => {
    const { sin } = ropeTables('rope', rope(2), 300_000)
    const values = await valuesOf(sin)
    for (const position of [0, 1, 262_143, 262_144, 299_999])
      expect(values[position]).toBeCloseTo(Math.sin(position), 5)
  })
})

describe('a rope with rows for short and for long sequences', () => {
  const longrope = (originalMaxPositions: number) =>
    rope(4, {
      ...{ type: 'longrope', shortFactor: [1, 1], longFactor: [2, 2], originalMaxPositions, amplitude: 1 },
    })

  it('has both where sequences can be long', async () => {
    const { cos } = ropeTables('rope', longrope(3), 5)
    expect(cos.shape).toEqual([3 + 5, 2])
    const values = await valuesOf(cos)
    expect(values[2 * 2]).toBeCloseTo(Math.cos(2), 6)
    expect(values[(3 + 2) * 2]).toBeCloseTo(Math.cos(2 / 2), 6)
  })

  it.each([5, 2 ** 40])('has none of the latter where %i positions are short', async (short) => {
    const { cos } = ropeTables('rope', longrope(short), 5)
    expect(cos.shape).toEqual([5, 2])
    expect((await valuesOf(cos))[2]).toBeCloseTo(Math.cos(1), 6)
  })
})
