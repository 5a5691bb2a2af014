import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FloatDtype,
  listEntries,
  pruneEntries,
  removeEntry,
  type WaitingWeight,
} from '@hfquant/core/runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBlockState, type SavedBlock } from './block-state.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hfquant-block-state-'))
})
afterAll(() => rm(root, { recursive: true }))

const floats = new Map([['norm.weight', Float32Array.of(1, 0.5)]])
const block: SavedBlock = { parts: new Map(), floats, warnings: ['a warning'], dropped: [] }

const weightIn = (dtype: FloatDtype) => ({ info: { path: 'up_proj', dtype } }) as WaitingWeight

function open(cache: string, dtype: FloatDtype = 'float32') {
  const checkpoint = { folder: join(root, 'model'), identity: async () => 'a model' }
  const warn = (message: string) => expect.unreachable(message)
  const method = { name: 'rounding', identity: { bits: 4 } }
  const context = { checkpoint, warn, waiting: [weightIn(dtype)] }
  return openBlockState(cache, method, context, [Int32Array.of(1, 2)])
}

test('blocks are kept under a manifest, read by the next run of the task, and go when it is done', async () => {
  const cache = join(root, 'kept')
  const state = await open(cache)
  await state.write(0, block)
  await state.write(1, block)
  const entry = { kind: 'calibrations', manifest: { model: 'model', method: 'rounding' } }
  expect(await listEntries(cache)).toMatchObject([entry])
  expect(await pruneEntries(cache, 0)).toEqual([])
  const next = await open(cache)
  expect(await next.read(1, [])).toEqual(block)
  expect(await next.read(2, [])).toBeUndefined()
  await next.clear()
  expect(await listEntries(cache)).toEqual([])
  expect(await readdir(join(cache, 'work'))).toEqual([])
})

test('blocks of a model in another dtype are not taken over', async () => {
  const cache = join(root, 'dtypes')
  await (await open(cache, 'float32')).write(0, block)
  expect(await (await open(cache, 'float16')).read(0, [])).toBeUndefined()
  expect(await (await open(cache, 'float32')).read(0, [])).toEqual(block)
})

test('an entry that is removed while a calibration runs is made anew, with its manifest', async () => {
  const cache = join(root, 'removed')
  const state = await open(cache)
  await state.write(0, block)
  const { key } = (await listEntries(cache))[0]!
  for (const remove of [
    () => removeEntry(cache, 'calibrations', key),
    () => rm(join(cache, 'calibrations'), { recursive: true }),
    () => rm(cache, { recursive: true }),
  ]) {
    await remove()
    expect(existsSync(join(cache, 'calibrations', key))).toBe(false)
    await state.write(1, block)
    expect(await listEntries(cache)).toMatchObject([{ key, manifest: { model: 'model' } }])
    expect(await state.read(1, [])).toEqual(block)
  }
})
