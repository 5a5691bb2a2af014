import {
  type ComponentRows,
  type ConversionRules,
  commonGrid,
  type IntegerCodes,
  packStream,
  skip,
  type WeightInfo,
  wordsFor,
} from '@hfquant/core'
import { narrowFloats } from '@hfquant/kernels'
import { type CompressedTensorsSettings, METHOD, readSettings } from './config/settings.js'
import { PACKED, SCALE, ZERO_POINT } from './format/layout.js'
import { type PackedLayout, packedFormat, packZeros, writeShape } from './make/packed-format.js'

/** Weights of other methods are written as "pack-quantized"; without zero points where all are in the middle. */
export const conversion: ConversionRules<CompressedTensorsSettings> = {
  config(weights) {
    const { bits, groupSize, symmetric } = commonGrid(METHOD, weights)
    const strategy = groupSize === -1 ? { strategy: 'channel' } : { strategy: 'group', group_size: groupSize }
    const args = { num_bits: bits, type: 'int', symmetric, ...strategy }
    return readSettings({ config_groups: { group_0: { targets: ['Linear'], weights: args } } })
  },
  formatFor(weight, { bits, groupSize, scaleDtype }, { groups: [scheme] }) {
    const { kind, inFeatures } = weight
    if (kind !== 'linear') return skip('is no linear layer')
    if (inFeatures % groupSize !== 0)
      return skip(`has ${inFeatures} input features, no multiple of ${groupSize}`)
    const { symmetric } = scheme!.weights!
    const layout: PackedLayout = { bits, groupSize, symmetric, scaleDtype }
    return {
      ...packedFormat(weight, layout),
      pack: (integers, out) => pack(integers, out, weight, layout),
    }
  },
}

function pack(
  { codes, scales, zeros }: IntegerCodes,
  out: ComponentRows,
  weight: WeightInfo,
  { bits, symmetric, scaleDtype }: PackedLayout,
): void {
  const { outFeatures: rows, inFeatures: columns } = weight
  const words = out.int32(PACKED)
  const width = wordsFor(columns, bits)
  for (let row = 0; row < rows; row++) {
    const line = codes.subarray(row * columns, (row + 1) * columns)
    packStream(line, bits, words.subarray(row * width, (row + 1) * width))
  }
  out.bytes(SCALE).set(narrowFloats(scales, scaleDtype))
  writeShape(out, weight)
  if (!symmetric) packZeros(zeros, rows, bits, out.int32(ZERO_POINT))
}
