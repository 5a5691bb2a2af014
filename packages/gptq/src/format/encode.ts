import type { ComponentRows, WeightInfo } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
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
  const columnScales = new Float32Array(groups * rows)
  const columnZeros = new Uint8Array(groups * rows)
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++) {
      columnScales[group * rows + row] = scales[row * groups + group]!
      columnZeros[group * rows + row] = zeros[row * groups + group]!
    }
  }
  const params = { from: 'float32', to: layout.scaleDtype }
  runKernel('cast', params, [new Uint8Array(columnScales.buffer)], [parts.bytes('scales')])
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
