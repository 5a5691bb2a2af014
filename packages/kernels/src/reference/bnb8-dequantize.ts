import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { floatReader, floatWriter } from './float-access.js'

export interface Bnb8DequantizeParams {
  readonly count: number
  readonly blockSize: number
}

/**
 * bitsandbytes `dequantize_blockwise`, and the reconstruction of nested scales: codes uint8 [count], absmax float32
 * [ceil(count / blockSize)], map float32 [256], offset float32 [1] (optional) -> float32 [count], map[code] · absmax +
 * offset, each step rounded.
 */
export function bnb8Dequantize(
  { count, blockSize }: Bnb8DequantizeParams,
  [codes, absMax, map, offset]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader('float32', absMax!)
  const value = floatReader('float32', map!)
  const mean = offset === undefined ? undefined : floatReader('float32', offset)(0)
  const write = floatWriter('float32', result!)
  for (let i = 0; i < count; i++) {
    const product = Math.fround(value(codes![i]!) * scale(Math.floor(i / blockSize)))
    write(i, mean === undefined ? product : Math.fround(product + mean))
  }
  return ALL_FINITE
}
