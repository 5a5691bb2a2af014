import type { GgufRows } from '@hfquant/models'
import { expect, test } from 'vitest'
import type { FloatWeight } from '../float-weight.js'
import { arrangeWeight } from './arrange-weight.js'

/** [rows, 2]: row r is 10 · r and 10 · r + 1; in pieces that end anywhere. */
function weightOf(rows: number): FloatWeight {
  const values = Float32Array.from({ length: 2 * rows }, (_, at) => 10 * Math.floor(at / 2) + (at % 2))
  const bytes = new Uint8Array(values.buffer)
  return {
    ...{ name: 'weight', dtype: 'float32', shape: [rows, 2] },
    async *chunks() {
      for (let start = 0; start < bytes.length; start += 20) yield bytes.slice(start, start + 20)
    },
  }
}

async function arranged(rows: number, order: GgufRows) {
  const { weight, shape } = arrangeWeight(weightOf(rows), { rows: order })
  const pieces: Uint8Array[] = []
  for await (const piece of weight.chunks()) pieces.push(piece)
  const values = Array.from(new Float32Array(new Uint8Array(Buffer.concat(pieces)).buffer))
  expect(values.length).toBe(shape.reduce((product, size) => product * size, 1))
  return { values, shape, rows: weight.shape[0] }
}

const row = (index: number) => [10 * index, 10 * index + 1]

test('a part of every group', async () => {
  const second = { sizes: [1, 2], part: 1 }
  expect(await arranged(6, second)).toEqual({ values: [1, 2, 4, 5].flatMap(row), shape: [4, 2], rows: 4 })
  const even = { sizes: [1, 1], part: 0 }
  expect(await arranged(6, even)).toEqual({ values: [0, 2, 4].flatMap(row), shape: [3, 2], rows: 3 })
})

test('all parts, each from every group before the next one', async () => {
  const order = { sizes: [2, 1] }
  expect(await arranged(6, order)).toEqual({
    values: [0, 1, 3, 4, 2, 5].flatMap(row),
    shape: [6, 2],
    rows: 6,
  })
})

test('a matrix of each group, as it stands and transposed', async () => {
  const order = { sizes: [2, 1], part: 0 } as const
  expect(await arranged(6, { ...order, matrices: 'plain' })).toEqual({
    ...{ values: [0, 1, 3, 4].flatMap(row), shape: [2, 2, 2], rows: 4 },
  })
  const three = { sizes: [3], part: 0, matrices: 'transposed' } as const
  expect(await arranged(6, three)).toEqual({
    values: [0, 10, 20, 1, 11, 21, 30, 40, 50, 31, 41, 51],
    shape: [2, 2, 3],
    rows: 4,
  })
})
