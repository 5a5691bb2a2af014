import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { roundHalfToEven } from './float-formats.js'

export interface ScaleCodesParams {
  readonly blocks: number
  /** Codes of a block, a multiple of 16. */
  readonly blockSize: number
}

/**
 * Codes int8 [blocks, blockSize] whose scale becomes another one, and ratios float32 [blocks] of their scale to it -> uint8
 * codes around 128: code * ratio, rounded to float32 and then half to even, within -128 and 127. 0 where a ratio is no number.
 */
export function scaleCodes(
  { blockSize }: ScaleCodesParams,
  [codes, ratios]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const [signed, ratioOf] = [viewOf(codes!), viewOf(ratios!)]
  for (let at = 0; at < codes!.length; at++) {
    const ratio = ratioOf.getFloat32(4 * Math.floor(at / blockSize), true)
    const code = roundHalfToEven(Math.fround(signed.getInt8(at) * ratio))
    result![at] = 128 + (Number.isNaN(code) ? 0 : Math.max(-128, Math.min(code, 127)))
  }
  return ALL_FINITE
}
