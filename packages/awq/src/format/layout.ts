import type { FloatDtype, WeightInfo } from '@hfquant/core'

/** How the tensors of a weight are arranged. */
export type Arrangement = 'gemm' | 'gemv' | 'gemv_fast'

export const ARRANGEMENTS: readonly Arrangement[] = ['gemm', 'gemv', 'gemv_fast']

/** How one quantized weight lies in a checkpoint: w = (code − zero) · scale, or code · scale + shift. */
export interface AwqLayout {
  readonly arrangement: Arrangement
  /** Channels that share a scale, a divisor of K. Never -1. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  /** Name of the tensor of zero points or of shifts; undefined where every zero point is 8. */
  readonly zeroKey: 'qzeros' | 'scaled_zeros' | undefined
  /** True when every zero point is 8, which a product of blocks takes for granted. */
  readonly symmetric: boolean
  /** True when some shift is no whole number of scales. */
  readonly hasFractions: boolean
  /** Of `act_scales` [K], which divide the inputs; undefined where there are none. */
  readonly actScaleDtype: FloatDtype | undefined
}

/** Scales of the activation function before a weight. */
export const ACT_SCALES = 'act_scales'

/** What tensors without zero points mean. */
export const MIDDLE = 8

/** Codes of a word of 32 bits. */
export const CODES_IN_WORD = 8

export const groupCount = (columns: number, groupSize: number): number => Math.ceil(columns / groupSize)

/** One tensor of a weight, as an arrangement has it. */
export interface ExpectedPart {
  readonly key: string
  readonly dtypes: readonly ('int32' | 'int16' | FloatDtype)[]
  readonly shape: readonly number[]
}

const SCALES: readonly FloatDtype[] = ['float16', 'bfloat16', 'float32']

/** Codes, scales and zero points of a weight with N rows and K columns in G groups. */
export function expectedParts(
  arrangement: Arrangement,
  { outFeatures: n, inFeatures: k }: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  groupSize: number,
): Readonly<Record<'codes' | 'scales' | 'zeros', ExpectedPart>> {
  const groups = groupCount(k, groupSize)
  const words = paddedWords(groups, groupSize)
  const part = (key: string, dtypes: ExpectedPart['dtypes'], ...shape: number[]) => ({ key, dtypes, shape })
  switch (arrangement) {
    case 'gemm':
      return {
        codes: part('qweight', ['int32'], k, n / CODES_IN_WORD),
        scales: part('scales', SCALES, groups, n),
        zeros: part('qzeros', ['int32'], groups, n / CODES_IN_WORD),
      }
    case 'gemv':
      return {
        codes: part('qweight', ['int32'], n, k / CODES_IN_WORD),
        scales: part('scales', SCALES, n, words * CODES_IN_WORD),
        zeros: part('qzeros', ['int32'], n, words),
      }
    case 'gemv_fast':
      return {
        codes: part('qweight', ['int16'], n / 4, k),
        scales: part('scales', SCALES, words * CODES_IN_WORD, n),
        zeros: part('qzeros', SCALES, words * CODES_IN_WORD, n),
      }
  }
}

/** Words that hold the zero points of a row in the gemv arrangements, which pad them for their kernels. */
function paddedWords(groups: number, groupSize: number): number {
  const multiple = groupSize >= 128 ? 1 : groupSize >= 64 ? 2 : 4
  return Math.ceil(Math.ceil(groups / CODES_IN_WORD) / multiple) * multiple
}
