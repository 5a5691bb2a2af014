import { FLOAT8_DTYPES, type Float8Dtype, runKernel } from '@hfquant/kernels'

/** The value of each code of an eight-bit float; NaN for every code that is no finite number. */
export const FLOAT8_VALUES: Readonly<Record<Float8Dtype, Float32Array>> = Object.fromEntries(
  FLOAT8_DTYPES.map((dtype) => [dtype, valuesOf(dtype)]),
) as Record<Float8Dtype, Float32Array>

function valuesOf(dtype: Float8Dtype): Float32Array {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code)
  const values = new Float32Array(256)
  runKernel('cast', { from: dtype, to: 'float32' }, [codes], [new Uint8Array(values.buffer)])
  return values.map((value) => (Number.isFinite(value) ? value : Number.NaN))
}
