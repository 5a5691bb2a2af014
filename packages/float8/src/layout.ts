import { type Component, type Dtype, powersOfTwo } from '@hfquant/core'
import { type Float8Dtype, widenFloats } from '@hfquant/kernels'

/** A weight of eight-bit floats on disk. */
export interface Float8Layout {
  readonly codeDtype: Float8Dtype
  /** Rows and columns that share a scale; the last blocks may reach beyond the weight. */
  readonly block: readonly [rows: number, columns: number]
  readonly scaleKey: string
  readonly scaleDtype: ScaleDtype
  /** The weight [N, K], its scales, and what else lies below the module and is saved again. */
  readonly components: readonly Component[]
}

export const WEIGHT = 'weight'

/** Names of the scales: of transformers, of vLLM and fbgemm, of later DeepSeek models. All are factors. */
export const SCALE_KEYS = ['weight_scale_inv', 'weight_scale', 'scale'] as const

export const SCALE_DTYPES = ['float32', 'bfloat16', 'float16', 'float8_e8m0fnu'] as const
export type ScaleDtype = (typeof SCALE_DTYPES)[number]

export const isScaleDtype = (dtype: Dtype): dtype is ScaleDtype =>
  SCALE_DTYPES.some((known) => known === dtype)

/** Scales as float32; NaN for the byte of a power of two that is no number. */
export const readScales = (bytes: Uint8Array, dtype: ScaleDtype): Float32Array =>
  dtype === 'float8_e8m0fnu' ? powersOfTwo(bytes) : widenFloats(bytes, dtype)
