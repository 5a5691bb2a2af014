/** The columns of a block for which the runtime reads as much beside the codes as `int8-weight-only` does. */
const WIDE_BLOCK = 64

/** How blocks of a format, of which each has its own scale, are joined to wider ones. */
export interface WiderBlocks {
  /** Columns of a block of the format. */
  readonly from: number
  /** Columns of a joined one. */
  readonly to: number
  /** What the integers of the format may be multiplied by and still be codes from -128 to 127; a power of two. */
  readonly headroom: number
}

/**
 * How blocks of narrow integers are joined in codes of eight bits, so that less is read for their scales: 1.5 bytes a weight
 * with blocks of 16 columns, 1.125 with 64. Undefined for blocks that are wide already, or whose rows cannot be cut so.
 *
 * The block with the largest scale of those that are joined loses nothing: its integers are multiplied by the headroom. A
 * weight of another one is off by half of the joined scale at most, that is the largest scale / (2 · headroom), and by twice
 * that where scales of both signs meet and the lowest integer has no counterpart above zero.
 *
 * @param largest magnitude of the integers.
 */
export function widerBlocks(from: number, inFeatures: number, largest: number): WiderBlocks | undefined {
  const to = [WIDE_BLOCK, WIDE_BLOCK / 2].find((size) => size % from === 0 && inFeatures % size === 0)
  return to === undefined || to <= from
    ? undefined
    : { from, to, headroom: 2 ** Math.floor(Math.log2(128 / largest)) }
}

/**
 * One scale for each joined block: its largest, with its sign, over the headroom.
 *
 * @param scales of the blocks of the format, whole joined blocks of them.
 */
export function joinScales(scales: Float32Array, { from, to, headroom }: WiderBlocks): Float32Array {
  const count = to / from
  const joined = new Float32Array(scales.length / count)
  for (let block = 0; block < joined.length; block++) {
    let widest = 0
    for (let at = block * count; at < (block + 1) * count; at++)
      if (Math.abs(scales[at]!) > Math.abs(widest)) widest = scales[at]!
    joined[block] = widest / headroom
  }
  return joined
}

/**
 * Integers of a format with `scales` -> codes of the joined blocks, in place: integers times the ratio of both scales, each step
 * rounded to float32, then to the nearest integer, halves to even.
 */
export function joinCodes(codes: Int8Array, scales: Float32Array, wider: WiderBlocks): void {
  const { from, to } = wider
  const joined = joinScales(scales, wider)
  for (let group = 0; group < scales.length; group++) {
    const scale = joined[Math.floor((group * from) / to)]!
    const ratio = scale === 0 ? 0 : Math.fround(scales[group]! / scale)
    for (let at = group * from; at < (group + 1) * from; at++) {
      // Adding and taking away this number rounds half to even.
      codes[at] = Math.min(Math.fround(codes[at]! * ratio) + ROUNDER - ROUNDER, 127)
    }
  }
}

const ROUNDER = 1.5 * 2 ** 52
