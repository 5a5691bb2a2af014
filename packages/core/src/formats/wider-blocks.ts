import { runKernel } from '@hfquant/kernels'

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

/** How many times the joined scale that of each block is, rounded to float32: what its integers are multiplied by. */
export function joinedRatios(scales: Float32Array, wider: WiderBlocks): Float32Array {
  const joined = joinScales(scales, wider)
  const count = wider.to / wider.from
  return scales.map((scale, block) => {
    const wide = joined[Math.floor(block / count)]!
    return wide === 0 ? 0 : scale / wide
  })
}

/**
 * Integers int8 of blocks of `from` columns -> codes of the joined ones around 128: integers times the ratio of their block,
 * rounded to float32, then to the nearest integer, halves to even.
 *
 * @param ratios of these blocks, in memory of their own.
 */
export function joinCodes(integers: Uint8Array, ratios: Float32Array, from: number): Uint8Array {
  const codes = new Uint8Array(integers.length)
  const params = { blocks: ratios.length, blockSize: from }
  runKernel('scaleCodes', params, [integers, new Uint8Array(ratios.buffer)], [codes])
  return codes
}
