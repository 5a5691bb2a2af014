import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WaitingWeight } from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { afterAll, expect, test } from 'vitest'
import { readWeight } from './read-weight.js'
import { createScratchArrays } from './scratch-arrays.js'

const pool = createKernelPool({ workers: 2 })
const folder = mkdtempSync(join(tmpdir(), 'hfquant-read-weight-'))
const file = join(folder, 'model.safetensors')
afterAll(async () => {
  await pool.dispose()
  rmSync(folder, { recursive: true })
})

// Rows of 2 MiB: the weight is read in three pieces.
const [rows, columns] = [5, 2 ** 19]

async function read(values: Float32Array): Promise<Float32Array> {
  writeFileSync(file, values)
  const fd = openSync(file, 'r')
  const weight = {
    info: { path: 'layer', outFeatures: rows, inFeatures: columns, dtype: 'float32' },
    ...{ tensor: 'layer.weight', file, byteLength: values.byteLength },
    rows: async (first: number, end: number) => ({
      ...{ fd, position: first * columns * 4, byteLength: (end - first) * columns * 4 },
    }),
  } as unknown as WaitingWeight
  try {
    return (await readWeight(weight, createScratchArrays(), { pool })).values
  } finally {
    closeSync(fd)
  }
}

test('a weight is read whole, and one that is not finite is refused by row and value', async () => {
  const values = new Float32Array(rows * columns).map((_, index) => index)
  expect(Buffer.compare(Buffer.from((await read(values)).buffer), Buffer.from(values.buffer))).toBe(0)
  values[3 * columns + 7] = Number.NEGATIVE_INFINITY
  await expect(read(values)).rejects.toMatchObject({
    code: 'TENSOR_NOT_FINITE',
    message: expect.stringContaining('holds -Infinity in row 3'),
  })
})
