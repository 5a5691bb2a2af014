import { ALL_FINITE, type KernelResult } from '../kernel.js'

export interface SlabNibblesParams {
  /** Of a code. */
  readonly bits: 2 | 4
  /** Which codes of the bytes are taken: those from bit `bits` · slab on. */
  readonly slab: number
}

/** The middle of four bits, where a runtime has its zero point. */
const MIDDLE = 8

/**
 * Bytes that each hold a code of several slabs, as optimum-quanto's `pack_weights` stacks them -> the codes of one slab, two
 * neighbours a byte, the first one low. Codes of two bits are moved up by 6, so that their middle is that of four.
 */
export function slabNibbles(
  { bits, slab }: SlabNibblesParams,
  [bytes]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const move = MIDDLE - 2 ** (bits - 1)
  const codeOf = (byte: number) => ((byte >> (bits * slab)) & (2 ** bits - 1)) + move
  for (let at = 0; at < bytes!.byteLength; at += 2) {
    result![at / 2] = codeOf(bytes![at]!) | (codeOf(bytes![at + 1]!) << 4)
  }
  return ALL_FINITE
}
