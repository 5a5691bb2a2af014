// Family: four-bit codes as bytes that stand for them.

/** packed [count], two codes a byte -> target uint8 [2 * count], the entry of each code in a table of sixteen. */
export function nibbleBytes(firstHigh: i32, count: usize, packed: usize, table: usize, target: usize): void {
  const entries = v128.load(table)
  const end = count & ~15
  for (let i: usize = 0; i < end; i += 16) {
    const bytes = v128.load(packed + i)
    const low = i8x16.swizzle(entries, v128.and(bytes, i8x16.splat(15)))
    const high = i8x16.swizzle(entries, i8x16.shr_u(bytes, 4))
    const first = firstHigh ? high : low
    const second = firstHigh ? low : high
    const to = target + 2 * i
    v128.store(to, v128.shuffle<u8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23))
    v128.store(
      to + 16,
      v128.shuffle<u8>(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    )
  }
  for (let i = end; i < count; i++) {
    const byte = <usize>load<u8>(packed + i)
    const low = load<u8>(table + (byte & 15))
    const high = load<u8>(table + (byte >> 4))
    store<u8>(target + 2 * i, firstHigh ? high : low)
    store<u8>(target + 2 * i + 1, firstHigh ? low : high)
  }
}
