import type { FloatDtype } from './tensor.js'

/**
 * How a weight [N, K] is laid on integers: w = (code − zero point) · scale, with a scale and a zero point for each run of
 * `groupSize` input channels of a row. Methods that pack it in different orders have this in common.
 */
export interface IntegerGrid {
  /** Codes and zero points reach from 0 to 2^bits − 1. */
  readonly bits: number
  /** Never more than K; the last of G = ceil(K / groupSize) groups may be short. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  /** True when every zero point is known to be 2^(bits − 1). */
  readonly symmetric: boolean
}

/** A weight on such a grid, in the order of its rows. */
export interface IntegerCodes {
  /** [N, K] */
  readonly codes: Uint8Array
  /** [N, G], widened from the grid's `scaleDtype`, which loses nothing. */
  readonly scales: Float32Array
  /** [N, G] */
  readonly zeros: Uint8Array
}
