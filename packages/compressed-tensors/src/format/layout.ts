import type { Component, FloatDtype } from '@hfquant/core'

/** How one quantized weight lies in a checkpoint: [N, K], N output and K input features. */
export interface WeightLayout {
  readonly codes: Codes
  readonly scales: Scales
  /** Rows and columns that share a scale; the last ones may reach beyond the weight. */
  readonly block: readonly [rows: number, columns: number]
  /**
   * Undefined: 0 everywhere. "int8": one a scale, signed, as releases before 0.10 and 8-bit codes have them. "packed": words
   * [ceil(N·bits/32), G], along the rows within each column.
   */
  readonly zeros: 'int8' | 'packed' | undefined
  /** Group of each column where groups are scattered. */
  readonly groupOf: Int32Array | undefined
  readonly activations: Int8Activations | undefined
  /** Everything that is stored of the weight, in the order of the file. */
  readonly components: readonly Component[]
}

export type Codes =
  /** int32 [N, ceil(K·bits/32)], a stream of bits along each row; code + 2^(bits − 1). */
  | { readonly kind: 'packed'; readonly bits: number }
  /** int8 [N, K] */
  | { readonly kind: 'int8'; readonly bits: number }
  /** float8_e4m3fn [N, K] */
  | { readonly kind: 'e4m3' }
  /** uint8 [N, K / 2], the first of two codes in the low half. */
  | { readonly kind: 'e2m1' }

export type Scales =
  | { readonly kind: 'float'; readonly dtype: FloatDtype }
  /** Exponents plus 127. */
  | { readonly kind: 'e8m0' }
  /** E4M3, to be divided by `weight_global_scale`. */
  | { readonly kind: 'e4m3' }

/**
 * How the inputs of a layer are rounded to int8 while the model runs: with a scale for each token that is found then, or with
 * one that is stored, `input_scale`, and `input_zero_point`.
 */
export type Int8Activations =
  | { readonly symmetric: boolean; readonly dynamic: true }
  | { readonly symmetric: boolean; readonly dynamic: false; readonly scaleDtype: FloatDtype }

export const PACKED = 'weight_packed'
export const WEIGHT = 'weight'
export const SCALE = 'weight_scale'
export const GLOBAL_SCALE = 'weight_global_scale'
export const ZERO_POINT = 'weight_zero_point'
export const SHAPE = 'weight_shape'
export const GROUP_INDEX = 'weight_g_idx'
export const INPUT_SCALE = 'input_scale'
export const INPUT_ZERO_POINT = 'input_zero_point'

/** The component that holds the codes. */
export const codesKey = ({ codes }: Pick<WeightLayout, 'codes'>): string =>
  codes.kind === 'packed' || codes.kind === 'e2m1' ? PACKED : WEIGHT

/** Scales of a row of the grid. */
export const gridColumns = ({ block }: Pick<WeightLayout, 'block'>, inFeatures: number): number =>
  Math.ceil(inFeatures / Math.min(block[1], inFeatures))
