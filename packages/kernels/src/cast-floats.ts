import { type CastDtype, castBytes } from './reference/cast-dtypes.js'
import { type FloatDtype, floatBytes } from './reference/float-formats.js'
import { runKernel } from './run-kernel.js'

/** Numbers of any type as floats, rounded to the nearest; for equal dtypes the bytes themselves. */
export function castFloats(bytes: Uint8Array, from: CastDtype, to: FloatDtype): Uint8Array {
  if (from === to) return bytes
  const cast = new Uint8Array((bytes.byteLength / castBytes(from)) * floatBytes(to))
  runKernel('cast', { from, to }, [bytes], [cast])
  return cast
}

/** Numbers as they are stored in a dtype, rounded to the nearest; for float32 a view of them. */
export const narrowFloats = (values: Float32Array, to: FloatDtype): Uint8Array =>
  castFloats(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'float32', to)

/** True when one of the values is a NaN or an infinity. */
export const holdsNonFinite = (bytes: Uint8Array, dtype: FloatDtype): boolean =>
  runKernel('holdsNonFinite', { dtype }, [bytes], []).nonFinite > 0

/** Stored values as numbers, in memory of their own: bytes that come out of a file begin anywhere. */
export function widenFloats(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const values = new Float32Array(bytes.byteLength / floatBytes(dtype))
  runKernel('cast', { from: dtype, to: 'float32' }, [bytes], [new Uint8Array(values.buffer)])
  return values
}
