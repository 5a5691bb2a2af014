import { type IntegerForm, type Skip, skip, type WeightInfo } from '@hfquant/core'
import type { Scheme } from '../config/scheme.js'
import { codesKey, GROUP_INDEX, SCALE, SHAPE, type WeightLayout, ZERO_POINT } from './layout.js'
import { rowReader } from './read-codes.js'
import { readScales } from './read-scales.js'
import { readZeros } from './read-zeros.js'

/**
 * A stored weight as integers, or why it is more than that; undefined where it is none.
 */
export function integerForm(
  { path, inFeatures }: WeightInfo,
  layout: WeightLayout,
  { inputActivations }: Scheme,
): IntegerForm | Skip | undefined {
  const { codes, scales, block, components } = layout
  if (!('bits' in codes) || scales.kind !== 'float') return undefined
  if (inputActivations !== null) return skip('has inputs that are quantized as well (input_activations)')
  if (block[0] !== 1) return skip('has scales for several rows together')
  if (layout.groupOf !== undefined) return skip('has groups of scattered columns (actorder)')
  const own = [codesKey(layout), SCALE, SHAPE, ZERO_POINT, GROUP_INDEX]
  const other = components.find(({ key }) => !own.includes(key))
  if (other !== undefined) return skip(`has a tensor "${other.key}" besides codes, scales and zero points`)
  const { bits } = codes
  const middle = 2 ** (bits - 1)
  return {
    grid: {
      ...{ bits, groupSize: Math.min(block[1], inFeatures), scaleDtype: scales.dtype },
      symmetric: layout.zeros === undefined,
    },
    unpack(stored, { outFeatures: rows, inFeatures: columns }) {
      const read = rowReader({
        codes,
        path,
        inFeatures: columns,
        bytes: stored.bytes(codesKey(layout)),
        first: 0,
      })
      const signed = new Int8Array(rows * columns)
      for (let row = 0; row < rows; row++) read(row, signed.subarray(row * columns, (row + 1) * columns))
      const values = readScales(scales, (key) => stored.bytes(key))
      const groups = values.length / rows
      const zeros = readZeros(layout, { outFeatures: rows, groups }, () => stored.bytes(ZERO_POINT))
      return {
        codes: unsigned(signed, middle),
        scales: values,
        zeros: zeros === undefined ? new Uint8Array(values.length).fill(middle) : unsigned(zeros, middle),
      }
    },
  }
}

/** From -middle … middle - 1 to 0 … 2 · middle - 1. */
function unsigned(values: Int8Array, middle: number): Uint8Array {
  const shifted = new Uint8Array(values.length)
  for (let at = 0; at < values.length; at++) shifted[at] = values[at]! + middle
  return shifted
}
