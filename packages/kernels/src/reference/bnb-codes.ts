import { SMALLEST_NORMAL } from './float-formats.js'

/** The two four-bit data types of bitsandbytes. */
export type FourBitType = 'nf4' | 'fp4'

export const FOUR_BIT_TYPES: readonly FourBitType[] = ['nf4', 'fp4']

/**
 * Whose results are reproduced: those of the library on a CPU, or those of its GPU kernels with a correctly rounded
 * reciprocal. Subnormal numbers are zero on a GPU.
 */
export type BnbProfile = 'cpu' | 'cuda'

export const BNB_PROFILES: readonly BnbProfile[] = ['cpu', 'cuda']

/** f32(1e-38), the least divisor of the CPU profile; a subnormal. */
export const BNB_TINY = Math.fround(1e-38)

/** A number as a GPU takes it: subnormal ones are zero. */
export const flushed = (value: number): number => (Math.abs(value) < SMALLEST_NORMAL.float32 ? 0 : value)

/** Value of each nibble, float32. NF4: equally likely steps of a normal distribution, ascending. */
const NF4_CODE: readonly number[] = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
]

/** FP4: bit 3 is the sign, the others index the magnitudes in twelfths. Nibble 8 is a second zero. */
const FP4_CODE: readonly number[] = [1, -1].flatMap((sign) =>
  [0, 0.0625, 8, 12, 4, 6, 2, 3].map((twelfths) => Math.fround((sign * twelfths) / 12) + 0),
)

/** Values of the sixteen nibbles. */
export const FOUR_BIT_CODES: Readonly<Record<FourBitType, Float32Array>> = {
  nf4: Float32Array.from(NF4_CODE),
  fp4: Float32Array.from(FP4_CODE),
}

/** How a normalised value becomes a nibble. */
export interface FourBitRule {
  /** Fifteen ascending bounds; the bucket of v is the number of bounds below v. */
  readonly bounds: Float32Array
  /** Nibble of each of the sixteen buckets. */
  readonly nibbles: Uint8Array
  /** What stands in for v where it is not a number. */
  readonly nan: number
}

const halfway = (a: number, b: number): number => Math.fround(Math.fround(a + b) / 2)

const IN_ORDER = Uint8Array.from({ length: 16 }, (_, nibble) => nibble)

/** Nibbles of FP4 from the most negative value up. */
const FP4_CPU_ORDER = Uint8Array.of(11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3)
const FP4_CUDA_ORDER = Uint8Array.of(11, 10, 13, 12, 15, 14, 9, 8, 0, 1, 6, 7, 4, 5, 2, 3)

function boundsBetween(code: readonly number[]): Float32Array {
  return Float32Array.from({ length: 15 }, (_, i) => halfway(code[i]!, code[i + 1]!))
}

/** Bounds on the magnitude that the GPU kernel spells out; five differ from the halves of the code table. */
const FP4_CUDA_MAGNITUDES = Float32Array.of(
  0.0026041700039058924,
  0.0859375,
  0.2083333283662796,
  0.2916666567325592,
  0.4166666865348816,
  0.5833330154418945,
  0.8333333134651184,
)

/**
 * The magnitude is compared with `>`, so a tie is the smaller one on both sides: on the negative side that is one step
 * below the bound. Negative means below zero after the smallest normal number was flushed.
 */
function fp4CudaBounds(): Float32Array {
  const negative = [...FP4_CUDA_MAGNITUDES].reverse().map((bound) => -stepUp(bound))
  return Float32Array.of(...negative, -SMALLEST_NORMAL.float32, ...FP4_CUDA_MAGNITUDES)
}

/** The next larger float32 of a positive one. */
function stepUp(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)
  bits[0]! += 1
  return new Float32Array(bits.buffer)[0]!
}

const NF4_BOUNDS = boundsBetween(NF4_CODE)

export const FOUR_BIT_RULES: Readonly<Record<FourBitType, Readonly<Record<BnbProfile, FourBitRule>>>> = {
  nf4: {
    cpu: { bounds: NF4_BOUNDS, nibbles: IN_ORDER, nan: 1 },
    cuda: { bounds: NF4_BOUNDS, nibbles: IN_ORDER, nan: -1 },
  },
  fp4: {
    cpu: {
      bounds: boundsBetween([...FP4_CODE].sort((a, b) => a - b)),
      nibbles: FP4_CPU_ORDER,
      nan: 1,
    },
    cuda: { bounds: fp4CudaBounds(), nibbles: FP4_CUDA_ORDER, nan: 0 },
  },
}

/** Number of bounds below v. */
export function bucketOf(bounds: Float32Array, v: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (bounds[middle]! < v) low = middle + 1
    else high = middle
  }
  return low
}
