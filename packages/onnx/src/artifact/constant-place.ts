import type { FileHandle } from 'node:fs/promises'
import { type ConstantPiece, type PieceOutput, writeFully } from '@hfquant/core/runtime'
import type { ByteRange } from '@hfquant/kernels'
import type { ByteLocation } from '../graph/to-model.js'

/** Where kernels put the pieces of one constant. */
export interface ConstantPlace {
  rangeOf(output: PieceOutput): ByteRange
  /** To be called when every piece is there. @throws OutputError when the file cannot be written. */
  end(): Promise<void>
}

/** Pieces of a constant, and the part of the file that they make. */
export interface PlacedConstant extends ByteLocation {
  readonly pieces: readonly ConstantPiece[]
}

/** A call for fewer bytes takes longer than it takes to copy them. */
const WORTH_A_CALL = 2 ** 13

/** Constants that are put together in memory have at most this many bytes. */
const MOST_TOGETHER = 2 ** 26

/**
 * Gives constants their places in a file. Columns of a matrix, such as those of products that became one, would take a call
 * for every row: they are put together in memory, which goes into the file in one piece. That memory serves the next
 * constant, too.
 */
export function createConstantPlaces(
  file: FileHandle,
  path: string,
): (constant: PlacedConstant) => ConstantPlace {
  const unused: SharedArrayBuffer[] = []
  const inFile = ({ offset }: PlacedConstant): ConstantPlace => ({
    rangeOf: (output) => ({ ...rangeFrom(output), fd: file.fd, position: offset + output.offset }),
    end: async () => {},
  })
  const inMemory = ({ offset, byteLength }: PlacedConstant): ConstantPlace => {
    const kept = unused.pop()
    const buffer =
      kept !== undefined && kept.byteLength >= byteLength ? kept : new SharedArrayBuffer(byteLength)
    return {
      rangeOf: (output) => ({ ...rangeFrom(output), buffer, byteOffset: output.offset }),
      async end() {
        await writeFully(file, new Uint8Array(buffer, 0, byteLength), offset, path)
        unused.push(buffer)
      },
    }
  }
  return (constant) => (isWovenOfShreds(constant) ? inMemory(constant) : inFile(constant))
}

const rangeFrom = ({ byteLength, spacing }: PieceOutput) => ({ byteLength, ...(spacing && { spacing }) })

const isWovenOfShreds = ({ byteLength, pieces }: PlacedConstant): boolean =>
  byteLength <= MOST_TOGETHER &&
  pieces.some(
    ({ output: { spacing } }) =>
      spacing !== undefined && spacing.pieceBytes < Math.min(WORTH_A_CALL, spacing.strideBytes),
  )
