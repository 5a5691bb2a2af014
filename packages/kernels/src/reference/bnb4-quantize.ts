import type { KernelResult } from '../kernel.js'
import {
  BNB_TINY,
  type BnbProfile,
  bucketOf,
  FOUR_BIT_RULES,
  type FourBitType,
  flushed,
} from './bnb-codes.js'
import { floatReader, floatWriter } from './float-access.js'
import type { MatrixParams } from './row-abs-max.js'

export interface Bnb4QuantizeParams extends MatrixParams {
  readonly quantType: FourBitType
  readonly profile: BnbProfile
  /** Consecutive elements that share a scale; they run on over the ends of rows. Even. */
  readonly blockSize: number
}

/**
 * bitsandbytes `quantize_4bit`.
 *
 * weight [rows, columns] -> packed uint8 [ceil(n / 2)], first element in the high nibble; absmax float32
 * [ceil(n / blockSize)]. Blocks with a NaN or an infinity are counted, and hold what the library gives them.
 */
export function bnb4Quantize(
  { dtype, rows, columns, quantType, profile, blockSize }: Bnb4QuantizeParams,
  [weight]: readonly Uint8Array[],
  [packed, absMax]: readonly Uint8Array[],
): KernelResult {
  const read = floatReader(dtype, weight!)
  const w = profile === 'cuda' ? (i: number) => flushed(read(i)) : read
  const writeAbsMax = floatWriter('float32', absMax!)
  const { bounds, nibbles, nan } = FOUR_BIT_RULES[quantType][profile]
  const nibble = (v: number) => nibbles[bucketOf(bounds, Number.isNaN(v) ? nan : v)]!
  const count = rows * columns
  let nonFinite = 0
  for (let start = 0; start < count; start += blockSize) {
    const end = Math.min(start + blockSize, count)
    const values = Array.from({ length: end - start }, (_, i) => w(start + i))
    if (!values.every(Number.isFinite)) nonFinite++
    const { scale, normalize } = SCALES[profile](values, values.length < blockSize)
    writeAbsMax(start / blockSize, scale)
    for (let i = 0; i < values.length; i += 2) {
      const second = i + 1 < values.length ? normalize(values[i + 1]!) : PADDING[profile](normalize)
      packed![(start + i) / 2] = (nibble(normalize(values[i]!)) << 4) | nibble(second)
    }
  }
  return { nonFinite }
}

type Normalize = (value: number) => number

const SCALES: Readonly<
  Record<BnbProfile, (values: readonly number[], isShort: boolean) => { scale: number; normalize: Normalize }>
> = {
  cpu(values, isShort) {
    const largest = Math.max(...values.map(Math.abs))
    const divisor = Math.max(largest, BNB_TINY)
    if (isShort) return { scale: divisor, normalize: (value) => Math.fround(value / divisor) }
    const inverse = Math.fround(1 / divisor)
    return { scale: largest, normalize: (value) => Math.fround(value * inverse) }
  },
  cuda(values) {
    const largest = Math.max(0, ...values.map(Math.abs).filter((value) => !Number.isNaN(value)))
    const inverse = flushed(Math.fround(1 / largest))
    return { scale: largest, normalize: (value) => Math.fround(value * inverse) }
  },
}

/** The missing partner of the last element: a zero after the division on a CPU, before it on a GPU. */
const PADDING: Readonly<Record<BnbProfile, (normalize: Normalize) => number>> = {
  cpu: () => 0,
  cuda: (normalize) => normalize(0),
}
