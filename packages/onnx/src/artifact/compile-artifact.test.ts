import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OutputError, RuntimeError } from '@hfquant/core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { compileArtifact } from './compile-artifact.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, statfs: vi.fn(actual.statfs) }
})

let cache: string
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'hfquant-compile-'))
})
afterAll(() => rm(cache, { recursive: true, force: true }))

/** The runtime fails on this graph, as it does when it cannot write. */
function failing() {
  const graph = createGraph('unknown')
  graph.output('y', graph.node('NoSuchOperator', [graph.input('x', 'float32', ['N'])]), 'float32', ['N'])
  const description = { model: 'unknown', source: cache, method: null, notes: {} }
  return compileArtifact(cache, graph, { key: 'unknown', description }).catch((error: unknown) => error)
}

test('what the runtime refuses is its failure', async () => {
  const error = await failing()
  expect(RuntimeError.isInstance(error) && error.code).toBe('SESSION_FAILED')
  expect(await readdir(join(cache, 'work'))).toEqual([])
})

test('what it refuses on a disk without space is a full disk, and says what to do', async () => {
  vi.mocked(statfs).mockResolvedValueOnce({ bavail: 3, bsize: 4096 } as never)
  const error = await failing()
  expect(OutputError.isInstance(error)).toBe(true)
  expect(error).toMatchObject({ code: 'DISK_FULL', hint: expect.stringContaining('Free some space') })
  expect(await readdir(join(cache, 'work'))).toEqual([])
})
