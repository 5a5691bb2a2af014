import type { KernelResult } from '../kernel.js'
import { type CastDtype, castBytes, float32Reader, isFloat } from './cast-dtypes.js'
import { floatWriter, viewOf } from './float-access.js'
import {
  type FloatDtype,
  float16BitsToFloat32Bits,
  float32BitsToBfloat16Bits,
  float32BitsToFloat16Bits,
} from './float-formats.js'
import { holdsNonFinite } from './holds-non-finite.js'

/** Dtypes of the input and of the output of `cast`. */
export interface CastParams {
  readonly from: CastDtype
  readonly to: FloatDtype
}

/**
 * Element-wise conversion; equal dtypes copy. Between floats of at most 32 bits it works on the bits, so that the payload
 * of a NaN is under control. Other numbers become float32 first, as in PyTorch, every NaN the canonical one.
 */
export function cast(
  { from, to }: CastParams,
  [source]: readonly Uint8Array[],
  [target]: readonly Uint8Array[],
): KernelResult {
  if (from === to) {
    target!.set(source!)
    return holdsNonFinite({ dtype: to }, [target!])
  }
  const count = source!.byteLength / castBytes(from)
  if (!isFloat(from)) {
    const read = float32Reader(from, source!)
    const write = floatWriter(to, target!)
    for (let i = 0; i < count; i++) write(i, read(i))
    return holdsNonFinite({ dtype: to }, [target!])
  }
  const input = viewOf(source!)
  const output = viewOf(target!)
  for (let i = 0; i < count; i++) {
    const bits = from === 'float32' ? input.getUint32(i * 4, true) : input.getUint16(i * 2, true)
    const wide =
      from === 'float32' ? bits : from === 'bfloat16' ? (bits << 16) >>> 0 : float16BitsToFloat32Bits(bits)
    if (to === 'float32') output.setUint32(i * 4, wide, true)
    else
      output.setUint16(
        i * 2,
        to === 'bfloat16' ? float32BitsToBfloat16Bits(wide) : float32BitsToFloat16Bits(wide),
        true,
      )
  }
  return holdsNonFinite({ dtype: to }, [target!])
}
