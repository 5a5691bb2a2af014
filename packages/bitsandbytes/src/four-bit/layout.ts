import type { Component, Dtype, WeightInfo } from '@hfquant/core'
import { tensorBytes } from '@hfquant/core'
import type { FourBitType } from '@hfquant/kernels'

/** How the scales of the blocks are stored: as they are, transposed by a faulty release, or quantized themselves. */
export type ScaleLayout = 'plain' | 'transposed' | 'nested'

/** A four-bit weight on disk. */
export interface FourBitLayout {
  readonly quantType: FourBitType
  readonly blockSize: number
  readonly scales: ScaleLayout
  /** Dtype of `weight.absmax`. */
  readonly scaleDtype: 'float32' | 'float16' | 'bfloat16' | 'uint8'
  readonly components: readonly Component[]
  /** True when bytes that mean nothing fill the last word of the storage dtype. */
  readonly padded?: boolean
}

export const WEIGHT = 'weight'
export const ABS_MAX = 'weight.absmax'
export const QUANT_MAP = 'weight.quant_map'
export const NESTED_ABS_MAX = 'weight.nested_absmax'
export const NESTED_QUANT_MAP = 'weight.nested_quant_map'
export const stateKey = (quantType: string): string => `${STATE_PREFIX}${quantType}`
export const STATE_PREFIX = 'weight.quant_state.bitsandbytes__'

const elementsOf = ({ outFeatures, inFeatures }: WeightInfo): number => outFeatures * inFeatures

export const blocksOf = (weight: WeightInfo, blockSize: number): number =>
  Math.ceil(elementsOf(weight) / blockSize)

export const packedBytes = (weight: WeightInfo): number => Math.ceil(elementsOf(weight) / 2)

/** Packed bytes as words of a storage dtype, a column. */
export const packedShape = (weight: WeightInfo, storage: Dtype): readonly number[] => [
  packedBytes(weight) / tensorBytes(storage, [1]),
  1,
]

/**
 * Rows after which a block ends, so that a range of rows is a range of whole blocks. A weight with a short last block is
 * taken whole.
 */
export function rowsPerStep(weight: WeightInfo, blockSize: number): number {
  const { outFeatures, inFeatures } = weight
  if (elementsOf(weight) % blockSize !== 0) return Math.max(outFeatures, 1)
  return blockSize / greatestCommonDivisor(blockSize, inFeatures)
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b)
