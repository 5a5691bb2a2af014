// Family: layouts of codes that a runtime reads.

/** source int8 [count] -> target uint8 [count], code + 128. */
export function offsetCodes(count: usize, source: usize, target: usize): void {
  const flip = i8x16.splat(-128)
  const end = count & ~15
  for (let i: usize = 0; i < end; i += 16) v128.store(target + i, v128.xor(v128.load(source + i), flip))
  for (let i = end; i < count; i++) store<u8>(target + i, load<u8>(source + i) ^ 0x80)
}

/** Sixteen int8 codes -> sixteen-bit lanes with the packed byte of each pair, first code in the low nibble. */
@inline
function pairs(codes: v128): v128 {
  const nibbles = v128.and(i8x16.add(codes, i8x16.splat(8)), i8x16.splat(15))
  const low = v128.and(nibbles, i16x8.splat(15))
  return v128.or(low, v128.and(i16x8.shr_u(nibbles, 4), i16x8.splat(0xf0)))
}

/** source int8 [rows, columns], values -8..7 -> target uint8 [rows, rowBytes], zeros after the last column. */
export function packNibbles(rows: usize, columns: usize, rowBytes: usize, source: usize, target: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const from = source + row * columns
    const to = target + row * rowBytes
    const end = columns & ~31
    for (let i: usize = 0; i < end; i += 32) {
      const packed = i8x16.narrow_i16x8_u(pairs(v128.load(from + i)), pairs(v128.load(from + i, 16)))
      v128.store(to + (i >> 1), packed)
    }
    for (let i = end; i < columns; i += 2) {
      const low = (load<u8>(from + i) + 8) & 15
      const high = i + 1 < columns ? (load<u8>(from + i + 1) + 8) & 15 : 0
      store<u8>(to + (i >> 1), low | (high << 4))
    }
    const used = (columns + 1) >> 1
    memory.fill(to + used, 0, rowBytes - used)
  }
}
