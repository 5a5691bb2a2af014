// Family: the blockwise 8-bit codec of bitsandbytes with the signed dynamic map, which scales of scales are stored in.
// The table that the host writes holds the 255 bounds between the codes.
import { magnitudeBits, measure } from './extent'
import { hostTable } from './host-table'
import { flushed, TINY } from './smallest-numbers'

/** The numbers the host passes for a profile. */
const CPU: i32 = 0
const CUDA: i32 = 1

/** Number of bounds below v: eight halvings without a branch. */
@inline
function boundsBelow(table: usize, v: f32): u32 {
  let at = table
  for (let step: usize = 128 << 2; step >= 4; step >>= 1) {
    at = select<usize>(at + step, at, load<f32>(at + step - 4) < v)
  }
  return <u32>((at - table) >> 2)
}

/** Codes of 65536 numbers evenly spread over -1..1, in which the library looks up the nearest. */
const lookup: usize = memory.data(65536, 16)
let lookupFilled = false

function fillLookup(): void {
  for (let i: usize = 0; i < 65536; i++) {
    store<u8>(lookup + i, <u8>boundsBelow(hostTable(), (2 * <f32>i) / 65535 - 1))
  }
  lookupFilled = true
}

function encodeCpu(count: usize, source: usize, codes: usize, inverse: f32): void {
  if (!lookupFilled) fillLookup()
  for (let i: usize = 0; i < count; i++) {
    const v = min<f32>(max<f32>(load<f32>(source + (i << 2)) * inverse, -1), 1)
    // Product and sum round once.
    const position = <f32>(<f64>((v + 1) * 0.5) * 65535 + 0.5)
    store<u8>(codes + i, load<u8>(lookup + <u32>position))
  }
}

function encodeCuda(count: usize, source: usize, codes: usize, inverse: f32): void {
  const table = hostTable()
  for (let i: usize = 0; i < count; i++) {
    const v = flushed(load<f32>(source + (i << 2))) * inverse
    const below = boundsBelow(table, v)
    const tie = (below & 1) & <u32>(below < 255 && load<f32>(table + (below << 2)) == v)
    store<u8>(codes + i, <u8>(below + tie))
  }
}

function encodeNearest(count: usize, source: usize, codes: usize, factor: f32, divide: bool): void {
  const table = hostTable()
  for (let i: usize = 0; i < count; i++) {
    const x = load<f32>(source + (i << 2))
    store<u8>(codes + i, <u8>boundsBelow(table, divide ? x / factor : x * factor))
  }
}

/**
 * source float32 [count] -> codes uint8 [count], scales float32 [ceil(count / blockSize)]; returns the number of blocks
 * with a NaN or an infinity, which get codes 0 and a NaN scale.
 */
export function bnb8Quantize(
  profile: i32,
  blockSize: usize,
  count: usize,
  source: usize,
  codes: usize,
  scales: usize,
): i32 {
  let nonFinite = 0
  for (let start: usize = 0; start < count; start += blockSize, scales += 4) {
    const size = min(blockSize, count - start)
    const at = source + (start << 2)
    const to = codes + start
    measure<f32>(at, size)
    const magnitude = magnitudeBits<f32>()
    if (magnitude >= 0x7f800000) {
      nonFinite++
      memory.fill(to, 0, size)
      store<u32>(scales, 0x7fc00000)
      continue
    }
    let largest = reinterpret<f32>(magnitude)
    if (profile == CUDA) largest = flushed(largest)
    if (profile == CPU || profile == CUDA) {
      if (largest == 0) memory.fill(to, 0, size)
      else if (profile == CPU) encodeCpu(size, at, to, <f32>1 / largest)
      else encodeCuda(size, at, to, flushed(<f32>1 / largest))
    } else {
      const divisor = max(largest, TINY)
      const short = size < blockSize
      encodeNearest(size, at, to, short ? divisor : <f32>1 / divisor, short)
      if (short) largest = divisor
    }
    store<f32>(scales, largest)
  }
  return nonFinite
}

/** map[code] * scale + offset, float32 [count]; `map` float32 [256], `offset` float32 [1] or address 0. */
export function bnb8Dequantize(
  blockSize: usize,
  count: usize,
  codes: usize,
  scales: usize,
  map: usize,
  offset: usize,
  target: usize,
): void {
  for (let start: usize = 0; start < count; start += blockSize, scales += 4) {
    const scale = load<f32>(scales)
    const end = min(start + blockSize, count)
    for (let i = start; i < end; i++) {
      let value = load<f32>(map + (<usize>load<u8>(codes + i) << 2)) * scale
      if (offset) value += load<f32>(offset)
      if (value == value) store<f32>(target + (i << 2), value)
      else store<u32>(target + (i << 2), 0x7fc00000)
    }
  }
}
