import { closeSync } from 'node:fs'
import { type CheckpointTensor, openUnnamed, outputError, writeRange } from '@hfquant/core/runtime'
import { dequantizeBlocks, isIntegerType } from '@hfquant/gguf'
import { runKernel } from '@hfquant/kernels'
import { type StoredRows, shapeOf, type Weave } from './weave-rows.js'

/** How a tensor is made of those of the file. */
export interface Making {
  readonly stored: readonly StoredRows[]
  /** Undefined: the rows of the only tensor, in their order. */
  readonly weave: Weave | undefined
  /** The bytes of the file, or its numbers. */
  readonly as: 'stored' | 'float32'
  /** The file has every number larger by this much. */
  readonly offset?: number | undefined
  /** The parameter has rows and columns the other way round. */
  readonly turned?: { readonly rows: number; readonly columns: number } | undefined
}

/** Tensors that a model has in another form than its file. */
export interface MadeTensors {
  /** @param tensor what it will be; it is made when somebody asks for its contiguous form. */
  of(tensor: CheckpointTensor, making: Making): CheckpointTensor
  close(): void
}

/** Read at once while a tensor is made. */
const PIECE_BYTES = 4 * 2 ** 20

/**
 * Keeps them in one file below `folder` that the system frees when it is closed. The place of one that is given back is
 * taken by the next of its size, so that a model that is passed through needs room for some layers.
 */
export function createMadeTensors(folder: string): MadeTensors {
  let opening: Promise<number> | undefined
  let end = 0
  /** Positions, by size: layers are alike. */
  const free = new Map<number, number[]>()

  function place(byteLength: number): number {
    const found = free.get(byteLength)?.pop()
    if (found !== undefined) return found
    end += byteLength
    return end - byteLength
  }

  function giveBack({ position, byteLength }: CheckpointTensor): void {
    free.set(byteLength, [...(free.get(byteLength) ?? []), position])
  }

  async function make(tensor: CheckpointTensor, making: Making, signal?: AbortSignal) {
    opening ??= openUnnamed(folder)
    const placed = { ...tensor, fd: await opening, position: place(tensor.byteLength) }
    let { position } = placed
    try {
      for await (const piece of inOrder(tensor, making, signal)) {
        const range = { fd: placed.fd, position, byteLength: piece.byteLength }
        await writeRange(range, piece).catch((cause) => {
          throw outputError(cause, folder)
        })
        position += piece.byteLength
      }
    } catch (error) {
      giveBack(placed)
      throw error
    }
    return placed
  }

  return {
    of(tensor, making) {
      let made: Promise<CheckpointTensor> | undefined
      const makeReleasable = async (signal: AbortSignal | undefined): Promise<CheckpointTensor> => {
        const placed = await make(tensor, making, signal)
        const release = () => {
          if (made === undefined) return
          made = undefined
          giveBack(placed)
        }
        return { ...placed, release }
      }
      return {
        ...tensor,
        contiguous(signal) {
          // One that failed, or was aborted, is made again when it is asked for again.
          made ??= makeReleasable(signal).catch((error) => {
            made = undefined
            throw error
          })
          return made
        },
      }
    },
    close() {
      void opening?.then(closeSync, () => {})
      opening = undefined
    },
  }
}

async function* inOrder(
  { dtype, byteLength }: CheckpointTensor,
  making: Making,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { turned } = making
  if (turned === undefined) {
    yield* rowsOf(making, signal)
    return
  }
  // A matrix is turned as a whole; it is one layer's.
  const rows = new Uint8Array(byteLength)
  let filled = 0
  for await (const piece of rowsOf(making, signal)) {
    rows.set(piece, filled)
    filled += piece.byteLength
  }
  const columnsFirst = new Uint8Array(byteLength)
  runKernel('transposeFloats', { dtype, ...turned }, [rows], [columnsFirst])
  yield columnsFirst
}

/** Whole groups of rows, as many as a piece holds. */
async function* rowsOf(
  { stored, weave = ONE_ROW, as, offset = 0 }: Making,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const shapes = stored.map(matrixOf)
  const [{ rows, rowBytes }] = shapes as [StoredMatrix, ...StoredMatrix[]]
  const groups = rows / weave.sizes[0]!
  const step = Math.max(1, Math.floor(PIECE_BYTES / (weave.order.length * rowBytes)))
  for (let first = 0; first < groups; first += step) {
    const count = Math.min(step, groups - first)
    const pieces = await Promise.all(
      stored.map(async ({ file, tensor }, from) => {
        const { start, rowBytes: bytes } = shapes[from]!
        const size = weave.sizes[from]! * bytes
        const range = [start + first * size, start + (first + count) * size] as const
        const read = await file.read(tensor.name, { bytes: range, ...(signal && { signal }) })
        return as === 'stored' ? read : bytesOf(dequantizeBlocks(tensor.type, read))
      }),
    )
    const woven = weaveRows(pieces, weave, count)
    if (offset !== 0) subtract(woven, offset)
    yield woven
  }
}

const ONE_ROW: Weave = { sizes: [1], order: [[0, 0]] }

interface StoredMatrix {
  /** Of the first byte within the tensor. */
  readonly start: number
  readonly rows: number
  readonly rowBytes: number
}

/** A vector has rows of one number, unless it is stored in blocks. */
function matrixOf(stored: StoredRows): StoredMatrix {
  const { tensor, share: [index, of] = [0, 1] } = stored
  const shape = shapeOf(stored)
  const last = shape.length > 1 || isIntegerType(tensor.type) ? -1 : shape.length
  const rows = shape.slice(0, last).reduce((all, size) => all * size, 1)
  const byteLength = tensor.byteLength / of
  return { start: index * byteLength, rows, rowBytes: byteLength / rows }
}

function weaveRows(pieces: readonly Uint8Array[], { sizes, order }: Weave, groups: number): Uint8Array {
  const rowBytes = pieces[0]!.byteLength / (groups * sizes[0]!)
  if (order.length === 1) return pieces[0]!
  const woven = new Uint8Array(groups * order.length * rowBytes)
  let at = 0
  for (let group = 0; group < groups; group++) {
    for (const [from, row] of order) {
      const start = (group * sizes[from]! + row) * rowBytes
      woven.set(pieces[from]!.subarray(start, start + rowBytes), at)
      at += rowBytes
    }
  }
  return woven
}

function subtract(bytes: Uint8Array, offset: number): void {
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  for (let at = 0; at < values.length; at++) values[at]! -= offset
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
