import { FLOAT8_DTYPES, type Float8Dtype, runKernel } from '@hfquant/kernels'
import { CheckpointError } from '../errors/families.js'

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

/** What is added to the exponent of a power of two in a byte: float8_e8m0fnu, as scales of MX formats are. */
export const E8M0_BIAS = 127

/** Powers of two from their exponents plus 127, 2^-127 to 2^127; NaN for 255. */
export const powersOfTwo = (exponents: Uint8Array): Float32Array =>
  Float32Array.from(exponents, (byte) => (byte === 255 ? Number.NaN : 2 ** (byte - E8M0_BIAS)))

/** A row of a stored weight, for errors. */
export interface CodeRow {
  readonly tensor: string
  readonly row: number
}

/**
 * Writes the values of a row of codes.
 *
 * @param codes begin with those of the row.
 * @param valueOfCode value of each byte.
 * @throws CheckpointError TENSOR_NOT_FINITE for a code whose value is NaN.
 */
export function readCodeRow(
  codes: Uint8Array,
  valueOfCode: Float32Array,
  values: Float32Array | Int8Array,
  { tensor, row }: CodeRow,
): void {
  for (let column = 0; column < values.length; column++) {
    const value = valueOfCode[codes[column]!]!
    if (Number.isNaN(value)) throw float8NotFinite(tensor, row, column)
    values[column] = value
  }
}

/** @param tensor whose code in this place, or in a block that begins there, is no finite number. */
export const float8NotFinite = (tensor: string, row: number, column: number): CheckpointError =>
  new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${tensor}" holds a code that is no finite number in row ${row}, column ${column}`,
    { tensor, hint: 'The file is damaged; download it again.' },
  )
