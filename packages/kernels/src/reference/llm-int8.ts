import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { absMax } from './abs-max.js'
import { floatReader, floatWriter } from './float-access.js'
import { roundHalfToEven, roundToDtype } from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** float32 next to 1/127, which the library multiplies by instead of dividing. */
export const LLM_INT8_STEP = Math.fround(0.007874015718698502)

/**
 * bitsandbytes LLM.int8() `int8_vectorwise_quant` of a weight, CPU profile: weight [rows, columns] of any dtype, cast to
 * float16 first -> codes int8 [rows, columns] in -127..127, row absmax `SCB` float32 [rows].
 * A row that holds a NaN, or an infinity after the cast, gets codes 0 and NaN, and is counted.
 */
export function llmInt8Quantize(
  { dtype, rows, columns }: MatrixParams,
  [weight]: readonly Uint8Array[],
  [codes, scb]: readonly Uint8Array[],
): KernelResult {
  const read = floatReader(dtype, weight!)
  const w = (i: number) => roundToDtype('float16', read(i))
  const writeScb = floatWriter('float32', scb!)
  let nonFinite = 0
  for (let row = 0; row < rows; row++) {
    const start = row * columns
    const largest = absMax(w, start, start + columns)
    const finite = Number.isFinite(largest)
    if (!finite) nonFinite++
    const factor = Math.fround(Math.fround(1 / largest) * 127)
    for (let i = start; i < start + columns; i++) {
      codes![i] = finite && largest > 0 ? roundHalfToEven(Math.fround(w(i) * factor)) : 0
    }
    writeScb(row, finite ? largest : Number.NaN)
  }
  return { nonFinite }
}

/** Codes int8 [rows, columns] and `SCB` float32 [rows] -> [rows, columns] of `dtype`; each product rounds to float32. */
export function llmInt8Dequantize(
  { dtype, rows, columns }: MatrixParams,
  [codes, scb]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader('float32', scb!)
  const write = floatWriter(dtype, result!)
  for (let i = 0; i < rows * columns; i++) {
    const code = (codes![i]! << 24) >> 24
    write(i, Math.fround(Math.fround(code * scale(Math.floor(i / columns))) * LLM_INT8_STEP))
  }
  return ALL_FINITE
}
