// Family: layouts of codes that a runtime reads.

/** source [count] -> target [count], bytes in which the bits of `flip` are turned. */
export function offsetCodes(flip: u32, count: usize, source: usize, target: usize): void {
  const flips = i8x16.splat(<i8>flip)
  const end = count & ~15
  for (let i: usize = 0; i < end; i += 16) v128.store(target + i, v128.xor(v128.load(source + i), flips))
  for (let i = end; i < count; i++) store<u8>(target + i, load<u8>(source + i) ^ <u8>flip)
}

/** Sixteen codes of four bits, one a byte -> sixteen-bit lanes with two neighbours in the low byte. */
@inline
function neighbours(codes: v128): v128 {
  const packed = v128.or(codes, i16x8.shr_u(codes, 4))
  return v128.and(packed, i16x8.splat(255))
}

/** 32 codes of four bits, one a byte -> sixteen bytes, first code in the low nibble. */
@inline
export function storeNibbles(target: usize, first: v128, second: v128): void {
  v128.store(target, i8x16.narrow_i16x8_u(neighbours(first), neighbours(second)))
}

/** Sixteen int8 codes -> sixteen-bit lanes with the packed byte of each pair, first code in the low nibble. */
@inline
function pairs(codes: v128): v128 {
  const nibbles = v128.and(i8x16.add(codes, i8x16.splat(8)), i8x16.splat(15))
  const low = v128.and(nibbles, i16x8.splat(15))
  return v128.or(low, v128.and(i16x8.shr_u(nibbles, 4), i16x8.splat(0xf0)))
}

/** How many of sixteen codes are not from -8 to 7. */
@inline
function wideCodes(codes: v128): i32 {
  const beyond = v128.and(i8x16.add(codes, i8x16.splat(8)), i8x16.splat(-16))
  return popcnt(i8x16.bitmask(i8x16.ne(beyond, i8x16.splat(0))))
}

@inline
function isWide(code: u8): i32 {
  return i32(((code + 8) & 0xf0) != 0)
}

/**
 * source int8 [rows, columns], values -8..7 -> target uint8 [rows, rowBytes], zeros after the last column; returns how many
 * codes are others.
 */
export function packNibbles(rows: usize, columns: usize, rowBytes: usize, source: usize, target: usize): i32 {
  let wide = 0
  for (let row: usize = 0; row < rows; row++) {
    const from = source + row * columns
    const to = target + row * rowBytes
    const end = columns & ~31
    for (let i: usize = 0; i < end; i += 32) {
      const first = v128.load(from + i)
      const second = v128.load(from + i, 16)
      v128.store(to + (i >> 1), i8x16.narrow_i16x8_u(pairs(first), pairs(second)))
      wide += wideCodes(first) + wideCodes(second)
    }
    for (let i = end; i < columns; i += 2) {
      const low = load<u8>(from + i)
      // What stands behind the last column is packed as 0.
      const high = i + 1 < columns ? load<u8>(from + i + 1) : <u8>-8
      store<u8>(to + (i >> 1), ((low + 8) & 15) | (((high + 8) & 15) << 4))
      wide += isWide(low) + isWide(high)
    }
    const used = (columns + 1) >> 1
    memory.fill(to + used, 0, rowBytes - used)
  }
  return wide
}
