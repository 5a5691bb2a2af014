import { type FloatDtype, Module } from '@hfquant/core/runtime'

/** How a norm is computed, whatever its size. */
export interface NormKind {
  /** `rms`: x / √(mean(x²) + epsilon). `layer`: (x - mean) / √(variance + epsilon). */
  readonly kind: 'rms' | 'layer'
  readonly epsilon: number
  /** What the stored weight is short of: Gemma multiplies with 1 + weight. */
  readonly offset?: 1 | undefined
  /** False for a norm without parameters. */
  readonly weight?: boolean | undefined
  /** Default: with a layer norm that has a weight. */
  readonly bias?: boolean | undefined
}

/** A norm over the last axis, times `weight`, plus `bias`. Both have the shape of what is normalized. */
export class Norm extends Module {
  constructor(
    readonly shape: readonly number[],
    readonly options: NormKind,
    dtype: FloatDtype,
  ) {
    super()
    const { kind, weight = true, bias = weight && kind === 'layer' } = options
    if (weight) this.parameter('weight', dtype, shape)
    if (bias) this.parameter('bias', dtype, shape)
  }
}

export const rmsNorm = (epsilon: number, options: Omit<NormKind, 'kind' | 'epsilon'> = {}): NormKind => ({
  kind: 'rms',
  epsilon,
  ...options,
})

export const layerNorm = (epsilon: number, options: Omit<NormKind, 'kind' | 'epsilon'> = {}): NormKind => ({
  kind: 'layer',
  epsilon,
  ...options,
})
