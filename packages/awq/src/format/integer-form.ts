import { type IntegerForm, type Skip, skip } from '@hfquant/core'
import { readGroupValues } from './group-values.js'
import { ACT_SCALES, type AwqLayout } from './layout.js'
import { unpackCodes } from './unpack-codes.js'

/**
 * A stored weight as integers; or why it is more than that.
 *
 * @param keys of everything that is stored below the module, but its bias.
 */
export function integerForm(layout: AwqLayout, keys: readonly string[]): IntegerForm | Skip {
  const { arrangement, groupSize, scaleDtype, symmetric, zeroKey, actScaleDtype } = layout
  if (arrangement === 'gemv_fast')
    return skip('is arranged as "gemv_fast", whose zero points are products that were rounded')
  // Scales of an activation function that are all 1 say nothing: whoever looks for them is given them anew.
  const own = ['qweight', 'scales', zeroKey, ...(actScaleDtype === undefined ? [ACT_SCALES] : [])]
  const other = keys.find((key) => !own.includes(key))
  if (other !== undefined) return skip(`has a tensor "${other}" besides codes, scales and zero points`)
  return {
    grid: { bits: 4, groupSize, scaleDtype, symmetric },
    unpack(stored, weight) {
      const rows = { first: 0, count: weight.outFeatures }
      const { scales, zeros } = readGroupValues((key) => stored.bytes(key), layout, weight, rows)
      return { codes: unpackCodes(stored.bytes('qweight'), arrangement, weight, rows), scales, zeros }
    },
  }
}
