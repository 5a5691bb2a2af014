import type { KernelResult } from '../kernel.js'
import { cast } from './cast.js'
import { floatBytes } from './float-formats.js'
import { intGroups } from './int-groups.js'
import { offsetCodes } from './offset-codes.js'
import type { MatrixParams } from './row-abs-max.js'

/** The half of the result that a call writes. */
export type EightBitPart = 'codes' | 'scales'

export const EIGHT_BIT_PARTS: readonly EightBitPart[] = ['codes', 'scales']

export interface EightBitBlocksParams extends MatrixParams {
  /** Columns that share a scale; divides `columns`. */
  readonly groupSize: number
  readonly part: EightBitPart
}

/**
 * Either half of a weight in blocks of 8 bits, as `MatMulNBits` reads it: weight [rows, columns] -> codes uint8
 * [rows, columns] with zero point 128, or scales float32 [rows, columns / groupSize].
 *
 * The weight is widened to float32 before anything is computed; then scale = max(min / -128, max / 127) and
 * code = round(w / scale), half to even, as `intGroups` has them without clipping. A refused block is counted in both.
 */
export function eightBitBlocks(
  params: EightBitBlocksParams,
  [weight]: readonly Uint8Array[],
  [output]: readonly Uint8Array[],
): KernelResult {
  const { dtype, rows, columns, groupSize, part } = params
  const count = rows * columns
  const values = new Uint8Array(count * floatBytes('float32'))
  cast({ from: dtype, to: 'float32' }, [weight!], [values])
  const codes = new Uint8Array(count)
  const scales = new Uint8Array((count / groupSize) * floatBytes('float32'))
  const result = intGroups(
    { rows, columns, groupSize, dtype: 'float32', bits: 8, mapping: 'symmetricNoClippingErr', eps: 'tiny' },
    [values],
    [codes, scales, new Uint8Array(count / groupSize)],
  )
  if (part === 'codes') offsetCodes({ bits: 8 }, [codes], [output!])
  else output!.set(scales)
  return result
}
