// Family: words of the gemm arrangement of AWQ as MatMulNBits reads codes.

/** Columns whose codes fill a line of the cache in each row. */
const TILE: usize = 128

/** Exchanges the halves of the fields of two words: the high ones of the first for the low ones of the second. */
@inline
function exchanged(word: u32, other: u32, shift: u32, mask: u32): u32 {
  return (word ^ (other << shift)) & (mask << shift)
}

/** words uint32 [columns, rows / 8] -> target uint8 [rows, columns / 2], the code of an even column in the low half. */
export function awqCodes(rows: usize, columns: usize, words: usize, target: usize): void {
  const width = (rows >> 3) * 4
  const rowBytes = columns >> 1
  for (let left: usize = 0; left < columns; left += TILE) {
    const right = min(left + TILE, columns)
    for (let word: usize = 0; word < rows >> 3; word++) {
      const to = target + word * 8 * rowBytes
      for (let column = left; column < right; column += 8) {
        transposeNibbles(words + column * width + word * 4, width, to + (column >> 1), rowBytes)
      }
    }
  }
}

/** Eight words of eight nibbles change places as a matrix of 8 x 8 does: halves, quarters, eighths. */
@inline
function transposeNibbles(from: usize, width: usize, to: usize, rowBytes: usize): void {
  let a = load<u32>(from)
  let b = load<u32>(from + width)
  let c = load<u32>(from + 2 * width)
  let d = load<u32>(from + 3 * width)
  let e = load<u32>(from + 4 * width)
  let f = load<u32>(from + 5 * width)
  let g = load<u32>(from + 6 * width)
  let h = load<u32>(from + 7 * width)
  let x: u32 = exchanged(a, e, 16, 0xffff)
  a ^= x
  e ^= x >> 16
  x = exchanged(b, f, 16, 0xffff)
  b ^= x
  f ^= x >> 16
  x = exchanged(c, g, 16, 0xffff)
  c ^= x
  g ^= x >> 16
  x = exchanged(d, h, 16, 0xffff)
  d ^= x
  h ^= x >> 16
  x = exchanged(a, c, 8, 0x00ff00ff)
  a ^= x
  c ^= x >> 8
  x = exchanged(b, d, 8, 0x00ff00ff)
  b ^= x
  d ^= x >> 8
  x = exchanged(e, g, 8, 0x00ff00ff)
  e ^= x
  g ^= x >> 8
  x = exchanged(f, h, 8, 0x00ff00ff)
  f ^= x
  h ^= x >> 8
  x = exchanged(a, b, 4, 0x0f0f0f0f)
  a ^= x
  b ^= x >> 4
  x = exchanged(c, d, 4, 0x0f0f0f0f)
  c ^= x
  d ^= x >> 4
  x = exchanged(e, f, 4, 0x0f0f0f0f)
  e ^= x
  f ^= x >> 4
  x = exchanged(g, h, 4, 0x0f0f0f0f)
  g ^= x
  h ^= x >> 4
  // The fields of a word hold rows 0, 2, 4, 6, 1, 3, 5 and 7.
  store<u32>(to, a)
  store<u32>(to + 2 * rowBytes, b)
  store<u32>(to + 4 * rowBytes, c)
  store<u32>(to + 6 * rowBytes, d)
  store<u32>(to + rowBytes, e)
  store<u32>(to + 3 * rowBytes, f)
  store<u32>(to + 5 * rowBytes, g)
  store<u32>(to + 7 * rowBytes, h)
}
