import { sharedBytes } from '@hfquant/core'
import { FOUR_BIT_CODES, type FourBitType } from '@hfquant/kernels'

/** A code table on the evenly spaced values of an 8-bit code with zero point 128. */
export interface FourBitGrid {
  /** Distance of neighbouring 8-bit values, in units of a block's absmax. */
  readonly step: number
  /** 8-bit code of each nibble. */
  readonly codes: Uint8Array
  /** Root mean square of what the table loses, in units of a block's absmax. */
  readonly error: number
}

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/**
 * The step at which rounding the sixteen values to multiples of it loses least (root mean square over the table), found
 * by trying 2 million steps from 1/127.6 to 1/60 and then fitting the step to the codes by least squares.
 *
 * NF4: 1/112.03, error 0.001716 (1/127 would be 0.002189); half a step of the table itself is 0.04 to 0.15.
 * FP4: 1/120.002, error 0.001105, all of it in the two smallest magnitudes, which become 1/120 instead of 1/192.
 */
const STEPS: Readonly<Record<FourBitType, number>> = { nf4: 0.008926163133, fp4: 0.00833321886867 }

/** @param step must leave the largest value, 1, within 127 steps. */
export function fourBitGrid(quantType: FourBitType, step: number): FourBitGrid {
  const values = [...FOUR_BIT_CODES[quantType]]
  const multiples = values.map((value) => Math.round(value / step))
  const losses = values.map((value, i) => value - multiples[i]! * step)
  return {
    step,
    codes: sharedBytes(Uint8Array.from(multiples, (multiple) => multiple + ZERO_POINT)),
    error: Math.sqrt(losses.reduce((sum, loss) => sum + loss * loss, 0) / values.length),
  }
}

export const FOUR_BIT_GRIDS: Readonly<Record<FourBitType, FourBitGrid>> = {
  nf4: fourBitGrid('nf4', STEPS.nf4),
  fp4: fourBitGrid('fp4', STEPS.fp4),
}
