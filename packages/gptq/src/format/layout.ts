import { type Component, type FloatDtype, type WeightInfo, wordsFor } from '@hfquant/core'
import type { Bits } from './bits.js'
import type { ZeroPointFormat } from './zero-points.js'

/** How one quantized weight lies in a checkpoint. N rows (output features), K columns (input features). */
export interface GptqLayout {
  readonly bits: Bits
  /** Channels that share a scale; the last group may be short. Never -1. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  readonly zeroPoints: ZeroPointFormat
  /** True when every zero point is 2^(bits-1). */
  readonly symmetric: boolean
  /** False for files of very old tools, which leave `g_idx` out. */
  readonly hasGroupIndex: boolean
  /** Order of channels in which groups are runs; undefined when they are already, null when there is none. */
  readonly order: Int32Array | undefined | null
}

export const groupCount = (columns: number, groupSize: number): number => Math.ceil(columns / groupSize)

/** `qweight` [ceil(K·b/32), N], `qzeros` [G, ceil(N·b/32)], `scales` [G, N], `g_idx` [K]. */
export function layoutComponents(
  { inFeatures: k, outFeatures: n }: WeightInfo,
  layout: GptqLayout,
): Component[] {
  const groups = groupCount(k, layout.groupSize)
  const components: Component[] = [
    { key: 'qweight', dtype: 'int32', shape: [wordsFor(k, layout.bits), n], layout: 'columns' },
    { key: 'qzeros', dtype: 'int32', shape: [groups, wordsFor(n, layout.bits)], layout: 'whole' },
    { key: 'scales', dtype: layout.scaleDtype, shape: [groups, n], layout: 'columns' },
  ]
  if (layout.hasGroupIndex) components.push({ key: 'g_idx', dtype: 'int32', shape: [k], layout: 'whole' })
  return components
}
