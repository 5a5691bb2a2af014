import type { KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { type FloatDtype, floatBytes } from './float-formats.js'

export interface HoldsNonFiniteParams {
  readonly dtype: FloatDtype
}

/** The bits of the exponent: all are set in an infinity and in a NaN, and in nothing else. */
const EXPONENT: Readonly<Record<FloatDtype, number>> = {
  float32: 0x7f800000,
  bfloat16: 0x7f80,
  float16: 0x7c00,
}

/** values [count] -> `nonFinite` 1 when one of them is a NaN or an infinity, else 0. */
export function holdsNonFinite(
  { dtype }: HoldsNonFiniteParams,
  [values]: readonly Uint8Array[],
): KernelResult {
  const view = viewOf(values!)
  const width = floatBytes(dtype)
  const mask = EXPONENT[dtype]
  for (let at = 0; at < values!.byteLength; at += width) {
    const bits = width === 4 ? view.getUint32(at, true) : view.getUint16(at, true)
    if ((bits & mask) === mask) return { nonFinite: 1 }
  }
  return { nonFinite: 0 }
}
