import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { writeArtifact } from './write-artifact.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, open: vi.fn(actual.open) }
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-write-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function graphWithWeight() {
  const graph = createGraph('product')
  const weight = graph.constant(constant('weight', 'float32', [4, 8], floatBytes(Array(32).fill(1))))
  const x = graph.input('x', 'float32', ['N', 4])
  graph.output('y', graph.node('MatMul', [x, weight]), 'float32', ['N', 8])
  return graph
}

/** A file that takes `capacity` bytes, the last call a part of what it is given. */
async function limited(path: string, capacity: number) {
  const { open: openReally } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises')
  const file = await openReally(path, 'w')
  const write = file.write.bind(file) as (...call: unknown[]) => Promise<{ bytesWritten: number }>
  const limit = (bytes: Uint8Array, offset: number, length: number, position: number) =>
    write(bytes, offset, Math.max(0, Math.min(length, capacity - position)), position)
  return Object.assign(file, { write: limit })
}

test('weights that are cut short at the end of the disk are a full disk, not a success', async () => {
  const path = join(folder, 'weights.bin')
  for (const [capacity, outcome] of [
    [127, { name: 'OutputError', code: 'DISK_FULL', file: path }],
    [128, undefined],
  ] as const) {
    vi.mocked(open).mockResolvedValueOnce(await limited(path, capacity))
    const error = await writeArtifact(folder, graphWithWeight()).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    if (outcome === undefined) expect(error).toBeUndefined()
    else expect(error).toMatchObject(outcome)
  }
})
