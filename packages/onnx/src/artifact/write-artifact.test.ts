import { existsSync } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKernel } from '@hfquant/kernels'
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

const [ROWS, COLUMNS, PIECES] = [2 ** 12, 2 ** 12, 8]
const STORED = new Uint8Array(
  Buffer.alloc(
    ROWS * COLUMNS,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  ),
)

/** A constant as large as threads are worth, of pieces that transpose some rows of what is stored. */
function graphOfPieces(shape = { rows: ROWS, columns: COLUMNS, pieces: PIECES }) {
  const { columns } = shape
  const rows = shape.rows / shape.pieces
  const graph = createGraph('rows')
  const weight = graph.constant({
    ...{ name: 'weight', dtype: 'int8', shape: [columns, shape.rows] },
    chunks() {
      throw new Error('threads make it')
    },
    pieces: () =>
      Array.from({ length: shape.pieces }, (_, index) => ({
        kernel: 'transposeBytes',
        params: { rows, columns },
        inputs: [
          {
            buffer: STORED.buffer,
            byteOffset: index * rows * columns,
            byteLength: rows * columns,
          },
        ],
        output: {
          ...{ offset: index * rows, byteLength: rows * columns },
          spacing: { pieceBytes: rows, strideBytes: shape.rows },
        },
      })),
  })
  const row = graph.node('Gather', [weight, graph.input('x', 'int64', ['N'])])
  graph.output('y', row, 'int8', ['N', shape.rows])
  return graph
}

test('constants that kernels make of stored bytes are made by threads, into the same file', async () => {
  const expected = new Uint8Array(ROWS * COLUMNS)
  runKernel('transposeBytes', { rows: ROWS, columns: COLUMNS }, [STORED], [expected])
  const [done, warned]: [string[], unknown[]] = [[], []]
  const onWarning = (warning: Error) => warned.push(warning)
  process.on('warning', onWarning)
  await writeArtifact(folder, graphOfPieces(), {
    signal: new AbortController().signal,
    onProgress: ({ tensor, done: count, doneBytes }) => done.push(`${tensor} ${count} ${doneBytes}`),
  })
  process.off('warning', onWarning)
  expect(Buffer.compare(await readFile(join(folder, 'weights.bin')), expected)).toBe(0)
  expect([done, warned]).toEqual([[`weight 1 ${ROWS * COLUMNS}`], []])
})

test.each([
  ['in one piece', 1],
  ['of which each is worth a call', 2],
  ['that are put together first', 4],
])('columns are written %s', async (_name, pieces) => {
  const shape = { rows: 2 ** 14, columns: 2 ** 10, pieces }
  const expected = new Uint8Array(ROWS * COLUMNS)
  runKernel('transposeBytes', { rows: shape.rows, columns: shape.columns }, [STORED], [expected])
  await writeArtifact(folder, graphOfPieces(shape))
  expect(Buffer.compare(await readFile(join(folder, 'weights.bin')), expected)).toBe(0)
})

test.runIf(existsSync('/dev/full'))(
  'threads that find the disk full say so as the one here does',
  async () => {
    const { open: openReally } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises')
    vi.mocked(open).mockResolvedValueOnce(await openReally('/dev/full', 'w'))
    const error = { name: 'OutputError', code: 'DISK_FULL', file: join(folder, 'weights.bin') }
    await expect(writeArtifact(folder, graphOfPieces())).rejects.toMatchObject(error)
  },
)

test('threads end between two pieces when what they make is not wanted any more', async () => {
  const controller = new AbortController()
  const writing = writeArtifact(folder, graphOfPieces(), { signal: controller.signal })
  const reason = new Error('not wanted')
  controller.abort(reason)
  await expect(writing).rejects.toBe(reason)
})

test('of values that a kernel refuses, the constant itself says which they are', async () => {
  const values = new Float32Array(2 ** 22).fill(1)
  values[values.length - 1] = Number.NaN
  const graph = createGraph('cast')
  const weight = graph.constant({
    ...{ name: 'weight', dtype: 'float32', shape: [values.length] },
    // biome-ignore lint/correctness/useYield: it ends before the first chunk.
    async *chunks() {
      throw new Error('weight holds a NaN')
    },
    pieces: () => [
      {
        kernel: 'cast',
        params: { from: 'float32', to: 'float32' },
        inputs: [{ buffer: values.buffer, byteOffset: 0, byteLength: values.byteLength }],
        output: { offset: 0, byteLength: values.byteLength },
      },
    ],
  })
  graph.output('y', weight, 'float32', [values.length])
  await expect(writeArtifact(folder, graph)).rejects.toThrow('weight holds a NaN')
})
