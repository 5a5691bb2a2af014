import type { ComponentRows, WeightInfo } from '@hfquant/core'
import { narrowFloats, runKernel } from '@hfquant/kernels'
import { type GptqLayout, groupCount } from './layout.js'
import { packZeroPoints } from './zero-points.js'

/** A quantized weight before it is packed. */
export interface QuantizedRows {
  /** [N, K] */
  readonly codes: Uint8Array
  /** Float32 [N, G]; rounded to the layout's dtype here. */
  readonly scales: Float32Array
  /** [N, G] */
  readonly zeros: Uint8Array
  /** [K] */
  readonly groupOf: Int32Array
}

/** Packs a quantized weight into its components. */
export function encodeWeight(
  { codes, scales, zeros, groupOf }: QuantizedRows,
  parts: Pick<ComponentRows, 'bytes' | 'int32'>,
  weight: WeightInfo,
  layout: GptqLayout,
): void {
  const { outFeatures: rows, inFeatures: columns } = weight
  const groups = groupCount(columns, layout.groupSize)
  runKernel('packColumns', { bits: layout.bits, rows, columns }, [codes], [parts.bytes('qweight')])
  const shape = { rows, columns: groups }
  const rowScales = narrowFloats(scales, layout.scaleDtype)
  runKernel('transposeFloats', { ...shape, dtype: layout.scaleDtype }, [rowScales], [parts.bytes('scales')])
  const columnZeros = new Uint8Array(groups * rows)
  runKernel('transposeBytes', shape, [zeros], [columnZeros])
  encodeGroups({ zeros: columnZeros, groupOf }, parts, weight, layout)
}

/** What is stored of groups beside their scales. */
interface GroupParts {
  /** [G, N] */
  readonly zeros: Uint8Array
  /** [K] */
  readonly groupOf: Int32Array
}

/** Packs the zero points of a quantized weight, and adds the group of each input channel. */
export function encodeGroups(
  { zeros, groupOf }: GroupParts,
  parts: Pick<ComponentRows, 'int32'>,
  { outFeatures, inFeatures }: WeightInfo,
  { bits, groupSize, zeroPoints, hasGroupIndex }: GptqLayout,
): void {
  const groups = groupCount(inFeatures, groupSize)
  parts.int32('qzeros').set(packZeroPoints(zeros, groups, outFeatures, bits, zeroPoints))
  if (hasGroupIndex) parts.int32('g_idx').set(groupOf)
}
