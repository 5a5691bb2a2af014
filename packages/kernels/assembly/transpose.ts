// Family: transposed layouts of codes and of floats.

/** Tiles of this many rows and columns stay in the first cache from their first byte to their last. */
const TILE: usize = 128

/** source [rows, columns] -> target [columns, rows], bytes in which the bits of `flip` are turned. */
export function transposeBytes(flip: u32, rows: usize, columns: usize, source: usize, target: usize): void {
  const wholeRows = rows & ~(SQUARE - 1)
  const wholeColumns = columns & ~(SQUARE - 1)
  for (let top: usize = 0; top < wholeRows; top += TILE) {
    const bottom = min(top + TILE, wholeRows)
    for (let left: usize = 0; left < wholeColumns; left += SQUARE) {
      for (let row = top; row < bottom; row += SQUARE) {
        transposeSquare(flip, source + row * columns + left, columns, target + left * rows + row, rows)
      }
    }
  }
  transposeRest(flip, rows, columns, 0, wholeRows, wholeColumns, source, target)
  transposeRest(flip, rows, columns, wholeRows, rows, 0, source, target)
}

/** Bytes of a vector, and so rows and columns of what is transposed at once. */
const SQUARE: usize = 16

const square: usize = memory.data(256, 16)
const other: usize = memory.data(256, 16)

/**
 * 16 x 16 bytes. Of 2n rows, row i and row n + i are interleaved to rows 2i and 2i + 1: a byte's row moves by one bit into
 * its column. After four times they have changed places.
 */
function transposeSquare(flip: u32, from: usize, stride: usize, to: usize, toStride: usize): void {
  interleave(from, stride, square, SQUARE, 0)
  interleave(square, SQUARE, other, SQUARE, 0)
  interleave(other, SQUARE, square, SQUARE, 0)
  interleave(square, SQUARE, to, toStride, flip)
}

@inline
function interleave(from: usize, stride: usize, to: usize, toStride: usize, flip: u32): void {
  const flips = i8x16.splat(<i8>flip)
  for (let row: usize = 0; row < 8; row++) {
    const a = v128.load(from + row * stride)
    const b = v128.load(from + (row + 8) * stride)
    const low = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    const high = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    v128.store(to + 2 * row * toStride, v128.xor(low, flips))
    v128.store(to + (2 * row + 1) * toStride, v128.xor(high, flips))
  }
}

function transposeRest(
  flip: u32,
  rows: usize,
  columns: usize,
  top: usize,
  bottom: usize,
  left: usize,
  source: usize,
  target: usize,
): void {
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < columns; column++) {
      store<u8>(target + column * rows + row, load<u8>(source + row * columns + column) ^ <u8>flip)
    }
  }
}

/** source [rows, columns] -> target [columns, rows], elements of type T, unchanged. */
function transpose<T>(rows: usize, columns: usize, source: usize, target: usize): void {
  for (let top: usize = 0; top < rows; top += TILE) {
    const bottom = min(top + TILE, rows)
    for (let left: usize = 0; left < columns; left += TILE) {
      const right = min(left + TILE, columns)
      for (let column = left; column < right; column++) {
        const to = target + column * rows * sizeof<T>()
        const from = source + column * sizeof<T>()
        for (let row = top; row < bottom; row++) {
          store<T>(to + row * sizeof<T>(), load<T>(from + row * columns * sizeof<T>()))
        }
      }
    }
  }
}

/** The same with elements of 2 or 4 bytes. */
export function transposeFloats(size: usize, rows: usize, columns: usize, source: usize, target: usize): void {
  if (size == 2) transpose<u16>(rows, columns, source, target)
  else transpose<u32>(rows, columns, source, target)
}
