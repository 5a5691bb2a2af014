// Family: transposed layouts of codes and of floats.

/** Tiles of this many rows and columns stay in the first cache from their first byte to their last. */
const TILE: usize = 64

/** source [rows, columns] -> target [columns, rows], bytes in which the bits of `flip` are turned. */
export function transposeBytes(flip: u32, rows: usize, columns: usize, source: usize, target: usize): void {
  const flips = <u64>flip * 0x0101010101010101
  for (let top: usize = 0; top < rows; top += TILE) {
    const bottom = min(top + TILE, rows)
    for (let left: usize = 0; left < columns; left += TILE) {
      const right = min(left + TILE, columns)
      for (let column = left; column < right; column++) {
        const to = target + column * rows
        const from = source + column
        let row = top
        for (; row + 8 <= bottom; row += 8) {
          let word: u64 = 0
          for (let i: usize = 0; i < 8; i++) word |= <u64>load<u8>(from + (row + i) * columns) << (i << 3)
          store<u64>(to + row, word ^ flips)
        }
        for (; row < bottom; row++) store<u8>(to + row, load<u8>(from + row * columns) ^ <u8>flip)
      }
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
