// Family: codes that several slabs share bytes for.
import { storeNibbles } from './pack'

/** Sixteen bytes -> the codes of one slab, moved up, one a byte. */
@inline
function codesOf(bytes: v128, shift: i32, mask: v128, move: v128): v128 {
  return i8x16.add(v128.and(i8x16.shr_u(bytes, shift), mask), move)
}

/** bytes [count], an even number -> target uint8 [count / 2], codes of one slab around 8, two a byte. */
export function slabNibbles(bits: i32, slab: i32, count: usize, source: usize, target: usize): void {
  const shift = bits * slab
  const mask = (1 << bits) - 1
  const move = 8 - (1 << (bits - 1))
  const masks = i8x16.splat(<i8>mask)
  const moves = i8x16.splat(<i8>move)
  const end = count & ~31
  for (let i: usize = 0; i < end; i += 32) {
    const first = codesOf(v128.load(source + i), shift, masks, moves)
    const second = codesOf(v128.load(source + i, 16), shift, masks, moves)
    storeNibbles(target + (i >> 1), first, second)
  }
  for (let i = end; i < count; i += 2) {
    const low = ((<i32>load<u8>(source + i) >> shift) & mask) + move
    const high = ((<i32>load<u8>(source + i + 1) >> shift) & mask) + move
    store<u8>(target + (i >> 1), <u8>(low | (high << 4)))
  }
}
