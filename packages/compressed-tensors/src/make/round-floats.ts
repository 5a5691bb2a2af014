import { toE4m3 } from '@hfquant/core'
import {
  type FloatDtype,
  type KernelCall,
  type KernelResult,
  narrowFloats,
  widenFloats,
} from '@hfquant/kernels'
import { inDtype, SCALE_OF_ZEROS } from './round-integers.js'

/** How rows of a weight become eight-bit floats. */
export interface RoundFloatsParams {
  readonly dtype: FloatDtype
  readonly rows: number
  readonly columns: number
  readonly scaleDtype: FloatDtype
}

/** The largest number of E4M3. */
const LARGEST = 448

/**
 * Weights [rows, columns] to the nearest E4M3 of w / s, with s = max|w| / 448 for each row, rounded to `scaleDtype` first.
 *
 * Outputs: codes float8_e4m3fn [rows, columns], scales [rows, 1]. Rows that are not finite are counted.
 */
export function roundFloats({ params, inputs, outputs }: KernelCall): KernelResult {
  const { dtype, rows, columns, scaleDtype } = params as unknown as RoundFloatsParams
  const [codes, scaleBytes] = outputs as readonly [Uint8Array, Uint8Array]
  const weights = widenFloats(inputs[0]!, dtype)
  const exact = new Float32Array(rows)
  let nonFinite = 0
  for (let row = 0; row < rows; row++) {
    let largest = 0
    let sum = 0
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      largest = Math.max(largest, Math.abs(weights[at]!))
      sum += weights[at]!
    }
    if (!Number.isFinite(sum)) nonFinite++
    exact[row] = largest / LARGEST
  }
  const scales = inDtype(exact, scaleDtype).map((scale) => scale || SCALE_OF_ZEROS)
  scaleBytes.set(narrowFloats(scales, scaleDtype))
  for (let row = 0; row < rows; row++) {
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      // The library adds a zero point of 0, which makes 0 of -0.
      codes[at] = toE4m3(Math.fround(weights[at]! / scales[row]!) + 0)
    }
  }
  return { nonFinite }
}
