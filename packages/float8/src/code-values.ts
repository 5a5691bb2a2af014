import { CheckpointError } from '@hfquant/core'
import { FLOAT8_DTYPES, type Float8Dtype, runKernel } from '@hfquant/kernels'

/** The value of each code; NaN for every code that is no finite number. */
export const CODE_VALUES: Readonly<Record<Float8Dtype, Float32Array>> = Object.fromEntries(
  FLOAT8_DTYPES.map((dtype) => [dtype, valuesOf(dtype)]),
) as Record<Float8Dtype, Float32Array>

function valuesOf(dtype: Float8Dtype): Float32Array {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code)
  const values = new Float32Array(256)
  runKernel('cast', { from: dtype, to: 'float32' }, [codes], [new Uint8Array(values.buffer)])
  return values.map((value) => (Number.isFinite(value) ? value : Number.NaN))
}

export const notFinite = (path: string, row: number, column: number): CheckpointError =>
  new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${path}.weight" holds a code that is no finite number in row ${row}, column ${column}`,
    { tensor: `${path}.weight`, hint: 'The file is damaged; download it again.' },
  )
