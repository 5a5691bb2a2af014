import { createHash } from 'node:crypto'
import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ConstantPiece,
  type ConstantTensor,
  isOutputFailure,
  type OnProgress,
  outputError,
  RuntimeError,
  tensorBytes,
  writeFully,
} from '@hfquant/core/runtime'
import { createKernelPool } from '@hfquant/kernels'
import type { Graph } from '../graph/graph.js'
import { encodeModel } from '../graph/onnx-schema.js'
import type { ByteLocation } from '../graph/to-model.js'
import { type ConstantPlace, createConstantPlaces } from './constant-place.js'
import { MODEL_FILE, nextPage, WEIGHTS_FILE } from './files.js'

export interface ArtifactOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
  /** Names of the two files, for programs that look for certain ones. */
  readonly files?: { readonly model: string; readonly weights: string } | undefined
}

/**
 * Writes a graph and its constants into a folder, piece by piece; the weights never stand in memory, and never in the
 * protobuf, which cannot hold more than 2 GB. Constants that kernels make of stored bytes are made by threads, all others
 * here meanwhile, one behind the other.
 *
 * @returns the path of the model file.
 * @throws OutputError when the folder cannot be written.
 */
export async function writeArtifact(
  folder: string,
  graph: Graph,
  options: ArtifactOptions = {},
): Promise<string> {
  const { files = { model: MODEL_FILE, weights: WEIGHTS_FILE } } = options
  const locations = layout(graph.constants)
  const model = join(folder, files.model)
  const bytes = await encodeModel(graph.toModel(files.weights, locations))
  await writeFile(model, bytes).catch((cause) => {
    throw outputError(cause, model)
  })
  const path = join(folder, files.weights)
  const file = await open(path, 'w').catch((cause) => {
    throw outputError(cause, path)
  })
  try {
    await writeConstants({ file, path, locations, ...options }, graph.constants)
  } finally {
    await file.close()
  }
  return model
}

/**
 * What a graph computes, whatever its constants hold: a digest of its nodes, and of the names, dtypes and shapes of its
 * constants.
 */
export function graphDigest(graph: Graph): string {
  const model = graph.toModel(WEIGHTS_FILE, layout(graph.constants))
  return createHash('sha256').update(JSON.stringify(model)).digest('hex')
}

function layout(constants: readonly ConstantTensor[]): Map<string, ByteLocation> {
  const locations = new Map<string, ByteLocation>()
  let offset = 0
  for (const { name, dtype, shape } of constants) {
    const byteLength = tensorBytes(dtype, shape)
    locations.set(name, { offset, byteLength })
    offset = nextPage(offset + byteLength)
  }
  return locations
}

/** The file that constants are written to, and their places in it. */
interface ConstantsFile extends Pick<ArtifactOptions, 'signal' | 'onProgress'> {
  readonly file: FileHandle
  readonly path: string
  readonly locations: ReadonlyMap<string, ByteLocation>
}

async function writeConstants(target: ConstantsFile, constants: readonly ConstantTensor[]): Promise<void> {
  const byThreads = new Map<ConstantTensor, readonly ConstantPiece[]>()
  for (const tensor of constants) {
    const pieces = tensor.pieces?.()
    if (pieces !== undefined) byThreads.set(tensor, pieces)
  }
  if (bytesOf(byThreads.keys()) < WORTH_THREADS) byThreads.clear()
  const report = reporter(target, constants)
  // Either side ends when the other one fails: what it writes to is about to be closed.
  const failure = new AbortController()
  const signal = AbortSignal.any([failure.signal, ...(target.signal === undefined ? [] : [target.signal])])
  const fail = (cause: unknown): never => {
    failure.abort(cause)
    throw cause
  }
  const here = constants.filter((tensor) => !byThreads.has(tensor))
  const ends = await Promise.allSettled([
    writePieces({ ...target, signal }, byThreads, report).catch(fail),
    writeChunks({ ...target, signal }, here, report).catch(fail),
  ])
  target.signal?.throwIfAborted()
  for (const end of ends) if (end.status === 'rejected') throw failure.signal.reason
}

/** Fewer bytes are made before threads have started. */
const WORTH_THREADS = 2 ** 24

const bytesOf = (constants: Iterable<ConstantTensor>): number =>
  [...constants].reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)

/** Counts constants as they are done. */
function reporter({ onProgress }: ConstantsFile, constants: readonly ConstantTensor[]) {
  const totalBytes = bytesOf(constants)
  let [done, doneBytes] = [0, 0]
  return (tensor: ConstantTensor): void => {
    done += 1
    doneBytes += bytesOf([tensor])
    const total = constants.length
    onProgress?.({ stage: 'compile', tensor: tensor.name, done, total, doneBytes, totalBytes })
  }
}

async function writePieces(
  { file, path, locations, signal }: ConstantsFile,
  pieces: ReadonlyMap<ConstantTensor, readonly ConstantPiece[]>,
  report: (tensor: ConstantTensor) => void,
): Promise<void> {
  if (pieces.size === 0) return
  await using pool = createKernelPool()
  const left = new Map([...pieces].map(([tensor, { length }]) => [tensor, length]))
  const placeOf = createConstantPlaces(file, path)
  const queue = inOrder(pieces, (tensor, own) => placeOf({ ...locations.get(tensor.name)!, pieces: own }))
  // One more than there are threads, so that each finds its next piece waiting. A lane that fails ends the queue.
  const lanes = Array.from({ length: pool.workers + 1 }, async () => {
    for (const { tensor, place, piece } of queue) {
      signal?.throwIfAborted()
      const { output, ...task } = piece
      const { nonFinite } = await pool.run({ ...task, outputs: [place.rangeOf(output)] })
      // The kernel only counts what it refuses; made here, the constant says which tensor that is.
      if (nonFinite > 0) for await (const _ of tensor.chunks());
      left.set(tensor, left.get(tensor)! - 1)
      if (left.get(tensor) !== 0) continue
      await place.end()
      report(tensor)
    }
  })
  for (const lane of await Promise.allSettled(lanes)) {
    if (lane.status === 'fulfilled') continue
    throw isOutputFailure(lane.reason) ? outputError(lane.reason, path) : lane.reason
  }
}

/** Constants get their places when their first piece is taken. */
function* inOrder(
  pieces: ReadonlyMap<ConstantTensor, readonly ConstantPiece[]>,
  placeOf: (tensor: ConstantTensor, pieces: readonly ConstantPiece[]) => ConstantPlace,
) {
  for (const [tensor, own] of pieces) {
    const place = placeOf(tensor, own)
    for (const piece of own) yield { tensor, place, piece }
  }
}

async function writeChunks(
  { file, path, locations, signal }: ConstantsFile,
  constants: readonly ConstantTensor[],
  report: (tensor: ConstantTensor) => void,
): Promise<void> {
  for (const tensor of constants) {
    signal?.throwIfAborted()
    const { offset, byteLength } = locations.get(tensor.name)!
    let written = 0
    for await (const bytes of tensor.chunks()) {
      if (written + bytes.byteLength <= byteLength) {
        await writeFully(file, bytes, offset + written, path)
      }
      written += bytes.byteLength
    }
    if (written !== byteLength) {
      throw new RuntimeError(
        'CONSTANT_SIZE',
        `constant ${tensor.name} has ${written} bytes, its shape needs ${byteLength}`,
        {
          tensor: tensor.name,
          found: written,
          expected: byteLength,
          hint: 'The lowering of this module is wrong; report it to the package that made it.',
        },
      )
    }
    report(tensor)
  }
}
