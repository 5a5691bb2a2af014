import { closeSync } from 'node:fs'
import type { TorchTensor } from '@hfquant/torch-checkpoint'
import { CheckpointError } from '../errors/families.js'
import { outputError } from '../files/output-error.js'
import { writeRange } from './byte-range.js'
import type { CheckpointTensor } from './checkpoint.js'
import { openUnnamed } from './store.js'

/** Copies of tensors whose elements are scattered over their file: transposed, sliced or expanded ones. */
export interface ContiguousCopies {
  /** Makes the copy when it is first called. */
  of(tensor: CheckpointTensor, source: TorchTensor): NonNullable<CheckpointTensor['contiguous']>
  close(): void
}

/** Read at once while a tensor is copied; a transposed matrix is passed over once for each piece. */
const PIECE_BYTES = 16 * 2 ** 20

/** A checkpoint of a few bytes may still be expanded to this much. */
const LEAST_LIMIT = 64 * 2 ** 20

/**
 * Keeps the copies in one file below `folder` that the system frees when it is closed.
 *
 * @param bytesOnDisk of the checkpoint: its copies together may have no more. Views of distinct parts cannot need
 * more, only views that repeat each other do.
 */
export function createContiguousCopies(bytesOnDisk: number, folder: string): ContiguousCopies {
  const limit = Math.max(bytesOnDisk, LEAST_LIMIT)
  let opening: Promise<number> | undefined
  let end = 0
  let copied = 0

  async function copy(tensor: CheckpointTensor, source: TorchTensor, signal?: AbortSignal) {
    const { byteLength } = source
    if (copied + byteLength > limit) throw tooLarge(tensor, limit)
    opening ??= openUnnamed(folder)
    const fd = await opening
    const placed: CheckpointTensor = { ...tensor, fd, position: end }
    end += byteLength
    copied += byteLength
    let { position } = placed
    const options = { chunkBytes: PIECE_BYTES, ...(signal === undefined ? {} : { signal }) }
    try {
      for await (const piece of source.file.stream(source, options)) {
        await writeRange({ fd, position, byteLength: piece.byteLength }, piece).catch((cause) => {
          throw outputError(cause, folder)
        })
        position += piece.byteLength
      }
    } catch (error) {
      copied -= byteLength
      throw error
    }
    return placed
  }

  return {
    of(tensor, source) {
      let made: Promise<CheckpointTensor> | undefined
      return (signal) => {
        // One that failed, or was aborted, is made again when it is asked for again.
        made ??= copy(tensor, source, signal).catch((error) => {
          made = undefined
          throw error
        })
        return made
      }
    },
    close() {
      void opening?.then(closeSync, () => {})
      opening = undefined
    },
  }
}

const tooLarge = ({ name, file, byteLength }: CheckpointTensor, limit: number): CheckpointError =>
  new CheckpointError(
    'TENSORS_EXPANDED',
    `"${name}" in ${file} repeats what other tensors hold: with its ${byteLength} bytes, copies would pass ${limit} bytes`,
    {
      tensor: name,
      file,
      found: byteLength,
      expected: limit,
      hint: 'Save the state dict again with contiguous tensors, or do not trust the file.',
    },
  )
