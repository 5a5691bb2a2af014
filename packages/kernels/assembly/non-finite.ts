// Family: a scan for values that are no numbers.
import { FLOAT16, FLOAT32 } from './dtypes'

/** Bytes between two looks at what was found: a damaged tensor is rare, so most are read to the end. */
const STRIDE: usize = 64

/** 1 when an element of source [byteLength / size of dtype] is a NaN or an infinity: all bits of its exponent are set. */
export function holdsNonFinite(dtype: i32, byteLength: usize, source: usize): i32 {
  const wide = dtype == FLOAT32
  const mask: u32 = wide ? 0x7f800000 : dtype == FLOAT16 ? 0x7c007c00 : 0x7f807f80
  const masks = i32x4.splat(mask)
  const end = source + (byteLength & ~(STRIDE - 1))
  let at = source
  while (at < end) {
    const found = wide ? wideAt(at, masks) : narrowAt(at, masks)
    if (v128.any_true(found)) return 1
    at += STRIDE
  }
  const last = source + byteLength
  if (wide) {
    for (; at < last; at += 4) if ((load<u32>(at) & mask) == mask) return 1
  } else {
    const half = mask & 0xffff
    for (; at < last; at += 2) if ((<u32>load<u16>(at) & half) == half) return 1
  }
  return 0
}

/** Lanes of 32 bits in which one of four vectors has every bit of the mask. */
@inline
function wideAt(at: usize, masks: v128): v128 {
  const first = v128.or(wideLanes(v128.load(at), masks), wideLanes(v128.load(at, 16), masks))
  return v128.or(first, v128.or(wideLanes(v128.load(at, 32), masks), wideLanes(v128.load(at, 48), masks)))
}

@inline
function wideLanes(values: v128, masks: v128): v128 {
  return i32x4.eq(v128.and(values, masks), masks)
}

/** The same for lanes of 16 bits. */
@inline
function narrowAt(at: usize, masks: v128): v128 {
  const first = v128.or(narrowLanes(v128.load(at), masks), narrowLanes(v128.load(at, 16), masks))
  return v128.or(first, v128.or(narrowLanes(v128.load(at, 32), masks), narrowLanes(v128.load(at, 48), masks)))
}

@inline
function narrowLanes(values: v128, masks: v128): v128 {
  return i16x8.eq(v128.and(values, masks), masks)
}
