import { componentRows, floatRows, tensorBytes, type WaitingWeight } from '@hfquant/core/runtime'
import type { PackedParts } from './calibration-method.js'
import type { SharedWeight } from './shared-weight.js'

/** Room for the components of a weight, each in a buffer of its own. */
export const allocateParts = ({ info, format }: Pick<WaitingWeight, 'info' | 'format'>): PackedParts =>
  new Map(
    format.components(info).map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]),
  )

/** Makes the components as the format of the weight makes them of rows that stream in. */
export function roundToParts(weight: WaitingWeight, { values, columns }: SharedWeight): PackedParts {
  const parts = allocateParts(weight)
  weight.format.quantize!(floatRows(values, columns, 0), componentRows(parts), weight.info)
  return parts
}
