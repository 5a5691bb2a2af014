import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { FOUR_BIT_CODES, type FourBitType } from './bnb-codes.js'
import { floatReader, floatWriter } from './float-access.js'
import type { MatrixParams } from './row-abs-max.js'

/** `dtype` is that of the result. */
export interface Bnb4DequantizeParams extends MatrixParams {
  readonly quantType: FourBitType
  readonly blockSize: number
}

/**
 * bitsandbytes `dequantize_4bit`: packed uint8 [ceil(n / 2)], absmax float32 [ceil(n / blockSize)] -> [rows, columns].
 * The product of code and scale rounds to float32 and then to the result's dtype.
 */
export function bnb4Dequantize(
  { dtype, rows, columns, quantType, blockSize }: Bnb4DequantizeParams,
  [packed, absMax]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader('float32', absMax!)
  const write = floatWriter(dtype, result!)
  const code = FOUR_BIT_CODES[quantType]
  for (let i = 0; i < rows * columns; i++) {
    const byte = packed![i >> 1]!
    const nibble = i % 2 === 0 ? byte >> 4 : byte & 15
    write(i, Math.fround(code[nibble]! * scale(Math.floor(i / blockSize))))
  }
  return ALL_FINITE
}
