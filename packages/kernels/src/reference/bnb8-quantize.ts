import type { KernelResult } from '../kernel.js'
import { absMax } from './abs-max.js'
import { BNB_TINY, bucketOf, flushed } from './bnb-codes.js'
import { DYNAMIC_BOUNDS } from './dynamic-map.js'
import { floatReader, floatWriter } from './float-access.js'

/**
 * Whose results are reproduced: 'cpu' those of the native library of release 0.50, which looks codes up in a table of
 * 65536 entries; 'cuda' the nearest code, ties to the even one; 'operators' those of the fallback without a native
 * library, ties to the lower code.
 */
export type Bnb8Profile = 'cpu' | 'cuda' | 'operators'

export const BNB8_PROFILES: readonly Bnb8Profile[] = ['cpu', 'cuda', 'operators']

export interface Bnb8QuantizeParams {
  readonly count: number
  readonly blockSize: number
  readonly profile: Bnb8Profile
}

/**
 * bitsandbytes `quantize_blockwise` with the signed dynamic map: float32 [count] -> codes uint8 [count], absmax float32
 * [ceil(count / blockSize)]. A block with a NaN or an infinity gets codes 0 and absmax NaN, and is counted.
 */
export function bnb8Quantize(
  { count, blockSize, profile }: Bnb8QuantizeParams,
  [source]: readonly Uint8Array[],
  [codes, absMaxes]: readonly Uint8Array[],
): KernelResult {
  const x = floatReader('float32', source!)
  const writeAbsMax = floatWriter('float32', absMaxes!)
  let nonFinite = 0
  for (let start = 0; start < count; start += blockSize) {
    const end = Math.min(start + blockSize, count)
    const largest = absMax(x, start, end)
    if (!Number.isFinite(largest)) {
      nonFinite++
      codes!.fill(0, start, end)
      writeAbsMax(start / blockSize, Number.NaN)
      continue
    }
    const { scale, encode } = ENCODERS[profile](largest, end - start < blockSize)
    writeAbsMax(start / blockSize, scale)
    for (let i = start; i < end; i++) codes![i] = encode(x(i))
  }
  return { nonFinite }
}

interface Encoder {
  readonly scale: number
  readonly encode: (value: number) => number
}

const ENCODERS: Readonly<Record<Bnb8Profile, (largest: number, isShort: boolean) => Encoder>> = {
  cpu(largest) {
    const inverse = Math.fround(1 / largest)
    const encode = (value: number) => {
      const v = Math.min(Math.max(Math.fround(value * inverse), -1), 1)
      // The last product and sum round once.
      const position = Math.trunc(Math.fround(Math.fround(Math.fround(v + 1) * 0.5) * 65535 + 0.5))
      const grid = Math.fround(-1 + Math.fround((2 * position) / 65535))
      return bucketOf(DYNAMIC_BOUNDS, grid)
    }
    return { scale: largest, encode: largest === 0 ? () => 0 : encode }
  },
  cuda(largest) {
    const scale = flushed(largest)
    const inverse = flushed(Math.fround(1 / scale))
    const encode = (value: number) => {
      const v = Math.fround(flushed(value) * inverse)
      const below = bucketOf(DYNAMIC_BOUNDS, v)
      return below % 2 === 1 && DYNAMIC_BOUNDS[below] === v ? below + 1 : below
    }
    return { scale, encode: scale === 0 ? () => 0 : encode }
  },
  operators(largest, isShort) {
    const divisor = Math.max(largest, BNB_TINY)
    const inverse = Math.fround(1 / divisor)
    return isShort
      ? { scale: divisor, encode: (value) => bucketOf(DYNAMIC_BOUNDS, Math.fround(value / divisor)) }
      : { scale: largest, encode: (value) => bucketOf(DYNAMIC_BOUNDS, Math.fround(value * inverse)) }
  },
}
