import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listEntries, pruneEntries, removeEntry } from '@hfquant/core/runtime'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { findArtifact, hasArtifactOf } from './artifact-cache.js'
import { artifactFacts, artifactKey } from './artifact-key.js'
import { compileArtifact } from './compile-artifact.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, open: vi.fn(actual.open) }
})

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
  const key = artifactKey(artifactFacts(graph, 'a configuration'), 'a checkpoint')
  const description = { model: `model-${columns}`, source: '/models', method: null, notes: { columns } }
  await compileArtifact(cache, graph, { key, description, threads: 1 })
  return key
}

const find = async (cache: string, key: string) => {
  const warnings: string[] = []
  const artifact = await findArtifact(cache, key, {
    warn: (message) => warnings.push(message),
    signal: undefined,
  })
  return { artifact, warnings }
}

const artifactFolder = (cache: string, key: string) => join(cache, 'artifacts', key)

describe('the name of a compiled model', () => {
  test('is that of equal graphs of one checkpoint, and of nothing else', () => {
    const keyOf = (columns: number, subject: object, contents: string) =>
      artifactKey(artifactFacts(graphOf(columns), subject), contents)
    const key = keyOf(8, { compute: 'fast' }, 'one')
    expect(keyOf(8, { compute: 'fast' }, 'one')).toBe(key)
    expect(keyOf(9, { compute: 'fast' }, 'one')).not.toBe(key)
    expect(keyOf(8, { compute: 'exact' }, 'one')).not.toBe(key)
    expect(keyOf(8, { compute: 'fast' }, 'another')).not.toBe(key)
  })
})

describe('a compiled model', () => {
  test('is known to be there or not before it is known what the files hold', async () => {
    const cache = newCache()
    const factsOf = (columns: number) => artifactFacts(graphOf(columns), 'a configuration')
    expect(await hasArtifactOf(cache, factsOf(8))).toBe(false)
    await compile(cache, 8)
    expect(await hasArtifactOf(cache, factsOf(8))).toBe(true)
    expect(await hasArtifactOf(cache, factsOf(9))).toBe(false)
  })

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
    expect(await listEntries(cache)).toHaveLength(1)
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
    [
      'other weights of the same size',
      (folder) => flipByte(join(folder, 'weights.bin')),
      /bytes 0 to \d+ of weights\.bin are not what was written/,
    ],
    [
      'other weights of the same size and time',
      (folder) => {
        const path = join(folder, 'weights.bin')
        const { atime, mtime } = statSync(path)
        flipByte(path)
        utimesSync(path, atime, mtime)
      },
      /weights\.bin are not what was written/,
    ],
    ['no manifest', (folder) => rmSync(join(folder, 'manifest.json')), /manifest\.json is missing/],
    [
      'half a manifest',
      (folder) => truncateSync(join(folder, 'manifest.json'), 20),
      /manifest\.json is missing or/,
    ],
    [
      'other notes',
      (folder) => editManifest(folder, (text) => text.replace('"columns": 8', '"columns": 9')),
      /manifest\.json is not what was written/,
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

  test('whose files were copied, as from a backup, is read once and used', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    const folder = artifactFolder(cache, key)
    cpSync(folder, `${folder}-copy`, { recursive: true })
    rmSync(folder, { recursive: true })
    renameSync(`${folder}-copy`, folder)
    expect((await find(cache, key)).artifact).toBeDefined()
    expect(readFileSync(join(cache, 'digests.json'), 'utf8')).toContain(
      `,${statSync(join(folder, 'weights.bin')).ino},`,
    )
  })

  test('that another process removes while it is looked at is none, without a warning', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    vi.mocked(open).mockImplementationOnce(async () => {
      rmSync(artifactFolder(cache, key), { recursive: true })
      throw Object.assign(new Error('ENOENT: no such file or directory'), { errno: -2, code: 'ENOENT' })
    })
    expect(await find(cache, key)).toEqual({ artifact: undefined, warnings: [] })
  })

  test('that a failing disk does not give back is reported and removed', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    vi.mocked(open).mockRejectedValueOnce(
      Object.assign(new Error('EIO: i/o error, read'), { errno: -5, code: 'EIO' }),
    )
    const warnings = [expect.stringMatching(/is damaged \(EIO: i\/o error, read\); it is made again/)]
    expect(await find(cache, key)).toEqual({ artifact: undefined, warnings })
    expect(existsSync(artifactFolder(cache, key))).toBe(false)
  })

  test('in whose place a file lies is not used, and says so', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    rmSync(artifactFolder(cache, key), { recursive: true })
    writeFileSync(artifactFolder(cache, key), '', { mode: 0o600 })
    const warnings = [expect.stringMatching(/is not used/)]
    expect(await find(cache, key)).toEqual({ artifact: undefined, warnings })
  })

  test('whose weights were not looked at before is left as it is when the signal ends the look', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    rmSync(join(cache, 'digests.json'))
    utimesSync(join(artifactFolder(cache, key), 'weights.bin'), 1, 1)
    const warnings: string[] = []
    const signal = AbortSignal.abort(new Error('stopped'))
    const found = findArtifact(cache, key, { warn: (message) => warnings.push(message), signal })
    await expect(found).rejects.toBe(signal.reason)
    expect(warnings).toEqual([])
    expect((await find(cache, key)).artifact).toBeDefined()
  })

  test.skipIf(process.getuid === undefined)('can be written by nobody', async () => {
    const cache = newCache()
    const folder = artifactFolder(cache, await compile(cache, 8))
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o222)
    expect(modes).toEqual([0, 0, 0])
    expect(statSync(folder).mode & 0o022).toBe(0)
  })

  test.skipIf(process.getuid === undefined)(
    'that others could have written is not used, and says so',
    async () => {
      for (const name of ['.', 'weights.bin', 'model.onnx', 'manifest.json']) {
        const cache = newCache()
        const key = await compile(cache, 8)
        chmodSync(join(artifactFolder(cache, key), name), 0o777)
        expect(await find(cache, key)).toEqual({
          artifact: undefined,
          warnings: [
            expect.stringMatching(
              /is not used: it belongs to another user, .*; remove it, or .*chmod -R go-w/,
            ),
          ],
        })
      }
    },
  )

  test('is removed by its name; removing what is not there is no error', async () => {
    const cache = newCache()
    const key = await compile(cache, 8)
    await removeEntry(cache, 'artifacts', key)
    await removeEntry(cache, 'artifacts', key)
    expect(await listEntries(cache)).toEqual([])
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
    const bytes = (await listEntries(cache)).find(({ key }) => key === keys[2])!.bytes
    const removed = await pruneEntries(cache, bytes)
    expect(removed.map(({ key }) => key)).toEqual([keys[3], keys[0], keys[1]])
    expect((await listEntries(cache)).map(({ key }) => key)).toEqual([keys[2]])
    expect(await pruneEntries(cache, bytes)).toEqual([])
  })
})

function flipByte(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  rewrite(path, bytes)
}

/** Files of compiled models are read-only. */
function rewrite(path: string, content: string | Uint8Array): void {
  chmodSync(path, 0o600)
  writeFileSync(path, content)
}

function editManifest(folder: string, edit: (text: string) => string): void {
  const path = join(folder, 'manifest.json')
  rewrite(path, edit(readFileSync(path, 'utf8')))
}

const renameKey = (folder: string): void =>
  editManifest(folder, (text) => JSON.stringify({ ...JSON.parse(text), key: 'another' }))
