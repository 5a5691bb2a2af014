import { type ConstantPiece, type ConstantTensor, type PieceOutput, tensorBytes } from '@hfquant/core'

/** Constants one behind the other along the first axis: [n1, ...rest], [n2, ...rest] -> [n1 + n2, ...rest]. */
export function concatenateRows(parts: readonly ConstantTensor[]): ConstantTensor {
  const [first] = parts as [ConstantTensor, ...ConstantTensor[]]
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0)
  return {
    name: joinNames(parts),
    dtype: first.dtype,
    shape: [rows, ...first.shape.slice(1)],
    async *chunks() {
      for (const part of parts) yield* part.chunks()
    },
    pieces: () => {
      let start = 0
      return joinPieces(parts, ({ dtype, shape }) => {
        const offset = start
        start += tensorBytes(dtype, shape)
        return (output) => ({ ...output, offset: offset + output.offset })
      })
    },
  }
}

/** The pieces of all parts, at their places in the whole; undefined where a part has none, or none that can be placed. */
function joinPieces(
  parts: readonly ConstantTensor[],
  placeOf: (part: ConstantTensor) => (output: PieceOutput) => PieceOutput | undefined,
): readonly ConstantPiece[] | undefined {
  const joined: ConstantPiece[] = []
  for (const part of parts) {
    const place = placeOf(part)
    const pieces = part.pieces?.()
    if (pieces === undefined) return undefined
    for (const piece of pieces) {
      const output = place(piece.output)
      if (output === undefined) return undefined
      joined.push({ ...piece, output })
    }
  }
  return joined
}

/** Bytes of a piece that interleaving makes. */
const PIECE_BYTES = 2 ** 20

/** Byte matrices side by side: [rows, n1], [rows, n2] -> [rows, n1 + n2]. */
export function interleaveColumns(parts: readonly ConstantTensor[]): ConstantTensor {
  const [first] = parts as [ConstantTensor, ...ConstantTensor[]]
  const rows = first.shape[0]!
  const widths = parts.map(({ shape }) => shape[1]!)
  const width = widths.reduce((sum, size) => sum + size, 0)
  const step = Math.max(1, Math.floor(PIECE_BYTES / Math.max(width, 1)))
  return {
    name: joinNames(parts),
    dtype: first.dtype,
    shape: [rows, width],
    async *chunks() {
      const readers = parts.map((part) => createReader(part.chunks()))
      for (let row = 0; row < rows; row += step) {
        const count = Math.min(step, rows - row)
        const piece = new Uint8Array(count * width)
        let column = 0
        for (const [index, reader] of readers.entries()) {
          const bytes = await reader(count * widths[index]!)
          for (let line = 0; line < count; line++) {
            const start = line * widths[index]!
            piece.set(bytes.subarray(start, start + widths[index]!), line * width + column)
          }
          column += widths[index]!
        }
        yield piece
      }
    },
    pieces: () => {
      let start = 0
      return joinPieces(parts, ({ shape }) => {
        const [column, partWidth] = [start, shape[1]!]
        start += partWidth
        return ({ offset, byteLength, spacing }) => {
          // Some columns of all rows: their pieces stand further apart.
          if (spacing?.strideBytes !== partWidth || offset + spacing.pieceBytes > partWidth) return undefined
          return { offset: column + offset, byteLength, spacing: { ...spacing, strideBytes: width } }
        }
      })
    },
  }
}

const joinNames = (parts: readonly ConstantTensor[]): string => parts.map(({ name }) => name).join('+')

/** Takes a given number of bytes at a time from pieces of any size. */
function createReader(chunks: AsyncIterable<Uint8Array>): (byteLength: number) => Promise<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  let rest = new Uint8Array(0)
  return async (byteLength) => {
    const taken = new Uint8Array(byteLength)
    let filled = 0
    while (filled < byteLength) {
      if (rest.length === 0) {
        const next = await iterator.next()
        if (next.done === true) break
        rest = next.value as Uint8Array<ArrayBuffer>
      }
      const part = rest.subarray(0, byteLength - filled)
      taken.set(part, filled)
      filled += part.length
      rest = rest.subarray(part.length)
    }
    return taken
  }
}
