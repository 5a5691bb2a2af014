import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createWorkFolder, isWorkedOn } from '@hfquant/core/runtime'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createGraph, type Graph } from '../graph/graph.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { findArtifact } from './artifact-cache.js'
import { packLater } from './pack-later.js'
import { writeArtifact } from './write-artifact.js'

let cache: string
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'hfquant-pack-'))
})
afterAll(() => rm(cache, { recursive: true, force: true }))

const DESCRIPTION = { model: 'product', source: '/models', method: null, notes: 'a note' }

/** y = x·W, or what the runtime refuses. */
function graphOf(operator: string): Graph {
  const graph = createGraph('product')
  const weight = graph.constant(constant('weight', 'float32', [64, 8], floatBytes(Array(512).fill(1))))
  const x = graph.input('x', 'float32', ['N', 64])
  graph.output('y', graph.node(operator, [x, weight]), 'float32', ['N', 8])
  return graph
}

/** Lets another process pack a graph that this one has written. */
async function pack(operator: string, key: string) {
  const work = await createWorkFolder(cache)
  const modelPath = await writeArtifact(work.path, graphOf(operator))
  const outcome = await packLater({ cache, modelPath, key, description: DESCRIPTION })
  return { outcome, isGraphLeft: existsSync(dirname(modelPath)) }
}

const find = (key: string) => findArtifact(cache, key, { warn: () => {}, signal: undefined })

test('another process packs a graph, keeps it under its name, and leaves nothing behind', async () => {
  expect(await pack('MatMul', 'packed')).toEqual({ outcome: { kind: 'kept' }, isGraphLeft: false })
  expect(await find('packed')).toMatchObject({ notes: 'a note' })
  expect(readdirSync(join(cache, 'work'))).toEqual([])
})

test('one that fails says why, and leaves nothing either', async () => {
  const { outcome, isGraphLeft } = await pack('NoSuchOperator', 'refused')
  expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining('NoSuchOperator') })
  expect(isGraphLeft).toBe(false)
  expect(await find('refused')).toBeUndefined()
  expect(readdirSync(join(cache, 'work'))).toEqual([])
})

test('what a running process works on is known by its name', async () => {
  const work = await createWorkFolder(cache)
  await writeArtifact(work.path, graphOf('MatMul'))
  expect(await isWorkedOn(cache, 'model.onnx')).toBe(true)
  await work.remove()
  expect(await isWorkedOn(cache, 'model.onnx')).toBe(false)
})

test('the process goes on when the one that began it ends at once', async () => {
  const work = await createWorkFolder(cache)
  const modelPath = await writeArtifact(work.path, graphOf('MatMul'))
  const job = { cache, modelPath, key: 'left', description: DESCRIPTION }
  const program = `
    import { packLater } from '@hfquant/onnx'
    void packLater(${JSON.stringify(job)})
    // The other process is begun in the same turn as the file is written.
    setTimeout(() => process.exit(), 300)`
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: import.meta.dirname })
  await vi.waitFor(async () => expect(await find('left')).toMatchObject({ notes: 'a note' }), 20_000)
  await vi.waitFor(() => expect(readdirSync(join(cache, 'work'))).toEqual([]), 20_000)
})
