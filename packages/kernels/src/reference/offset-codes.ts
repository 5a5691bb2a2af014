import { ALL_FINITE, type KernelResult } from '../kernel.js'

export interface OffsetCodesParams {
  /** 8, or 4 for codes of which two share a byte. */
  readonly bits: 4 | 8
}

/** The highest bit of each code of a byte. */
export const SIGN_BITS: Readonly<Record<OffsetCodesParams['bits'], number>> = { 4: 0x88, 8: 0x80 }

/**
 * Codes in two's complement -> unsigned, code + 2^(bits - 1): what a runtime with unsigned weights and its zero point in the
 * middle reads.
 */
export function offsetCodes(
  { bits }: OffsetCodesParams,
  [codes]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  for (let i = 0; i < codes!.byteLength; i++) result![i] = codes![i]! ^ SIGN_BITS[bits]
  return ALL_FINITE
}
