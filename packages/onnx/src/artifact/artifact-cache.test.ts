import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { findArtifact, listArtifacts, pruneArtifacts, removeArtifact } from './artifact-cache.js'
import { artifactKey } from './artifact-key.js'
import { compileArtifact } from './compile-artifact.js'

const root = mkdtempSync(join(tmpdir(), 'hfquant-artifacts-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let caches = 0
const newCache = () => join(root, `cache-${++caches}`)

/** y = x·W for a weight of [64, columns]. */
function graphOf(columns: number) {
  const graph = createGraph('product')
  const bytes = floatBytes(Array.from({ length: 64 * columns }, (_, index) => index / 1000))
  const weight = graph.constant(constant('weight', 'float32', [64, columns], bytes))
  const x = graph.input('x', 'float32', ['N', 64])
  graph.output('y', graph.node('MatMul', [x, weight]), 'float32', ['N', columns])
  return graph
}

/** Compiles a model that is called by its number of columns. */
async function compile(cache: string, columns: number): Promise<string> {
  const graph = graphOf(columns)
  const key = artifactKey(graph, 'a checkpoint')
  const description = { model: `model-${columns}`, source: '/models', method: null, notes: { columns } }
  await compileArtifact(cache, graph, { key, description, threads: 1 })
  return key
}

const find = async (cache: string, key: string) => {
  const warnings: string[] = []
  const artifact = await findArtifact(cache, key, (message) => warnings.push(message))
  return { artifact, warnings }
}

const artifactFolder = (cache: string, key: string) => join(cache, 'artifacts', key)

describe('the name of a compiled model', () => {
  test('is that of equal graphs of one checkpoint, and of nothing else', () => {
    const key = artifactKey(graphOf(8), { checkpoint: 1 })
    expect(artifactKey(graphOf(8), { checkpoint: 1 })).toBe(key)
    expect(artifactKey(graphOf(9), { checkpoint: 1 })).not.toBe(key)
    expect(artifactKey(graphOf(8), { checkpoint: 2 })).not.toBe(key)
  })
})

describe('a compiled model', () => {
  test('is found with its notes, and nothing else is left behind', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    const { artifact, warnings } = await find(cache, key)
    expect(artifact?.notes).toEqual({ columns: 8 })
    expect(warnings).toEqual([])
    expect(readdirSync(join(cache, 'work'))).toEqual([])
  })

  test('that another process put in place first is taken as it is', async () => {
    const cache = newCache()
    const keys = await Promise.all([compile(cache, 8), compile(cache, 8), compile(cache, 8)])
    expect(new Set(keys).size).toBe(1)
    expect(await listArtifacts(cache)).toHaveLength(1)
    expect(readdirSync(join(cache, 'work'))).toEqual([])
  })

  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'weights cut short',
      (folder) => truncateSync(join(folder, 'weights.bin'), 100),
      /weights\.bin has 100 bytes/,
    ],
    ['weights gone', (folder) => rmSync(join(folder, 'weights.bin')), /weights\.bin has no bytes/],
    [
      'another graph',
      (folder) => flipByte(join(folder, 'model.onnx')),
      /model\.onnx is not what was written/,
    ],
    ['no manifest', (folder) => rmSync(join(folder, 'manifest.json')), /manifest\.json is missing/],
    [
      'half a manifest',
      (folder) => truncateSync(join(folder, 'manifest.json'), 20),
      /manifest\.json is missing or/,
    ],
    ['the manifest of another', (folder) => renameKey(folder), /belongs to another/],
  ])('with %s is reported, removed and made again', async (_, damage, message) => {
    const cache = newCache()
    const key = await compile(cache, 8)
    damage(artifactFolder(cache, key))
    const { artifact, warnings } = await find(cache, key)
    expect(artifact).toBeUndefined()
    expect(warnings).toEqual([expect.stringMatching(message)])
    expect(existsSync(artifactFolder(cache, key))).toBe(false)
    await compile(cache, 8)
    expect((await find(cache, key)).artifact).toBeDefined()
  })

  test('is removed by its name; removing what is not there is no error', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    await removeArtifact(cache, key)
    await removeArtifact(cache, key)
    expect(await listArtifacts(cache)).toEqual([])
  })
})

describe('pruning', () => {
  const useAt = (cache: string, key: string, seconds: number) =>
    utimesSync(join(artifactFolder(cache, key), 'manifest.json'), seconds, seconds)

  test('removes damaged models, then the ones that were not used for the longest time', async () => {
    const cache = newCache()
    const [old, recent, used, damaged] = [8, 9, 10, 11].map((columns) => compile(cache, columns))
    const keys = await Promise.all([old!, recent!, used!, damaged!])
    for (const [index, key] of keys.entries()) useAt(cache, key, 1000 + index)
    rmSync(join(artifactFolder(cache, keys[3]!), 'manifest.json'))
    // Finding it is using it.
    useAt(cache, keys[2]!, 10)
    await find(cache, keys[2]!)
    const bytes = (await listArtifacts(cache)).find(({ key }) => key === keys[2])!.bytes
    const removed = await pruneArtifacts(cache, bytes)
    expect(removed.map(({ key }) => key)).toEqual([keys[3], keys[0], keys[1]])
    expect((await listArtifacts(cache)).map(({ key }) => key)).toEqual([keys[2]])
    expect(await pruneArtifacts(cache, bytes)).toEqual([])
  })

  test('leaves the work of running processes alone, and removes that of killed ones', async () => {
    const cache = newCache()
    const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
    const ended = Number(execFileSync(process.execPath, ['-p', 'process.pid']).toString())
    const folders = {
      own: `${process.pid}.${host}.a`,
      running: `${process.ppid}.${host}.b`,
      killed: `${ended}.${host}.c`,
      elsewhere: `${ended}.00000000.d`,
      longAgo: `${ended}.00000000.e`,
    }
    for (const name of Object.values(folders)) mkdirSync(join(cache, 'work', name), { recursive: true })
    const twoDaysAgo = Date.now() / 1000 - 48 * 3600
    utimesSync(join(cache, 'work', folders.longAgo), twoDaysAgo, twoDaysAgo)
    await pruneArtifacts(cache, 0)
    expect(readdirSync(join(cache, 'work')).sort()).toEqual(
      [folders.own, folders.running, folders.elsewhere].sort(),
    )
  })
})

function flipByte(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
}

function renameKey(folder: string): void {
  const path = join(folder, 'manifest.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), key: 'another' }))
}
