// Family: eight-bit floats on the evenly spaced values that stand for them.

/** The number the host passes for what is wanted. */
const CODES: i32 = 0

const MAGNITUDE: u8 = 0x7f
/** What stands for 0. */
const ZERO_POINT: u8 = 128
/** Added to the largest magnitude of a block whose grid is the second one. */
const SECOND: u8 = 0x80

/** The largest magnitude of `size` codes, a multiple of 16. */
@inline
function largestOf(codes: usize, size: usize): u8 {
  let most = i8x16.splat(0)
  for (let i: usize = 0; i < size; i += 16) {
    most = i8x16.max_u(most, v128.and(v128.load(codes + i), i8x16.splat(<i8>MAGNITUDE)))
  }
  most = i8x16.max_u(most, v128.shuffle<u8>(most, most, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  const half = i64x2.extract_lane(most, 0)
  let largest: u8 = 0
  for (let i = 0; i < 64; i += 8) largest = max(largest, <u8>(half >> i))
  return largest
}

/** How much more of a block the first grid loses than the second. */
@inline
function advantageOf(codes: usize, size: usize, advantages: usize): f64 {
  let advantage: f64 = 0
  for (let i: usize = 0; i < size; i++) advantage += load<f64>(advantages + 8 * <usize>load<u8>(codes + i))
  return advantage
}

/**
 * codes [blocks, size] -> the entry of each in the levels of its block's grid, or of each block which grid it has; returns how
 * many blocks hold a code that is no finite number.
 *
 * advantages float64 [128, 256], levels uint8 [2, 128, 256], by the largest magnitude of a block and the code
 */
export function float8Grids(
  largestFinite: u32,
  part: i32,
  blocks: usize,
  size: usize,
  codes: usize,
  advantages: usize,
  levels: usize,
  target: usize,
): i32 {
  let nonFinite = 0
  for (let block: usize = 0; block < blocks; block++, codes += size) {
    const largest = largestOf(codes, size)
    if (<u32>largest > largestFinite) nonFinite += 1
    const row = 256 * <usize>largest
    const isSecond = advantageOf(codes, size, advantages + 8 * row) > 0
    if (part != CODES) {
      store<u8>(target + block, largest + (isSecond ? SECOND : 0))
      continue
    }
    const own = levels + row + (isSecond ? 128 * 256 : 0)
    for (let i: usize = 0; i < size; i++) store<u8>(target + i, load<u8>(own + <usize>load<u8>(codes + i)))
    target += size
  }
  return nonFinite
}
