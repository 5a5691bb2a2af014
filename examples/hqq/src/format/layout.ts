import type { FloatDtype, WeightInfo } from '@hfquant/core'
import type { Packing } from './packing.js'

/**
 * Where the codes and parameters of a weight [N, K] are. The weight is flattened row by row and cut without regard to
 * its rows:
 *
 *     axis 1   codes [P, g]   one group a row      scale, zero [P, 1]
 *     axis 0   codes [g, P]   one group a column   scale, zero [1, P]
 *
 * with g the group size and P = N·K/g the number of groups.
 */
export interface HqqLayout {
  readonly packing: Packing
  readonly axis: 0 | 1
  readonly groupSize: number
  readonly groups: number
  /** Dtype of scale and zero. */
  readonly parameterDtype: FloatDtype
  /** True when the file holds them as one tensor `zero_scale`, [2, ...]; never written for a new layer. */
  readonly stacked: boolean
}

/** Rows and columns of the code matrix. */
export const codeShape = ({
  axis,
  groupSize,
  groups,
}: HqqLayout): readonly [rows: number, columns: number] =>
  axis === 1 ? [groups, groupSize] : [groupSize, groups]

/** Shape of scale and zero. */
export const parameterShape = ({ axis, groups }: HqqLayout): readonly [number, number] =>
  axis === 1 ? [groups, 1] : [1, groups]

/** The group of an element of the flattened weight. */
export const groupOf = ({ axis, groupSize, groups }: HqqLayout, index: number): number =>
  axis === 1 ? Math.floor(index / groupSize) : index % groups

/** Undefined when the size does not divide the weight. */
export function groupCount({ outFeatures, inFeatures }: WeightInfo, groupSize: number): number | undefined {
  const groups = (outFeatures * inFeatures) / groupSize
  return Number.isInteger(groups) ? groups : undefined
}
