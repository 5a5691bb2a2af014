import type { Component, ComponentRows, FloatRows, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { lowerAwq } from '../lower/lower-awq.js'
import { readGroupValues } from './group-values.js'
import { ACT_SCALES, type AwqLayout, groupCount } from './layout.js'
import { unpackCodes } from './unpack-codes.js'

/** Parameters of a format. */
export interface AwqFormatOptions {
  readonly layout: AwqLayout
  readonly components: readonly Component[]
  readonly warnings?: readonly string[]
}

/** 4-bit codes with a scale and a zero point for each group of channels. */
export const awqFormat = ({ layout, components, warnings = [] }: AwqFormatOptions): QuantizedFormat => ({
  name: `awq int4 per group of ${layout.groupSize} (${layout.arrangement})`,
  warnings,
  components: () => components,
  dequantize: (stored, out, weight) => dequantize(stored, out, weight, layout),
  lower: (graph, layer) => lowerAwq(graph, layer, layout),
})

function dequantize(stored: ComponentRows, out: FloatRows, weight: WeightInfo, layout: AwqLayout): void {
  const { inFeatures: columns } = weight
  const { groupSize, arrangement, actScaleDtype } = layout
  const groups = groupCount(columns, groupSize)
  const codes = unpackCodes(stored.bytes('qweight'), arrangement, weight, out)
  const { scales, zeros, shifts } = readGroupValues((key) => stored.bytes(key), layout, weight, out)
  const divisors =
    actScaleDtype === undefined ? undefined : widenFloats(stored.bytes(ACT_SCALES), actScaleDtype)
  for (let row = 0; row < out.count; row++) {
    const values = out.at(row)
    for (let group = 0; group < groups; group++) {
      const at = row * groups + group
      const [scale, zero, shift] = [scales[at]!, shifts === undefined ? zeros[at]! : 0, shifts?.[at] ?? 0]
      const end = Math.min((group + 1) * groupSize, columns)
      // Products of a code and a scale of 16 bits are exact, so that float32 rounds once.
      for (let column = group * groupSize; column < end; column++) {
        values[column] = Math.fround((codes[row * columns + column]! - zero) * scale) + shift
      }
    }
    if (divisors === undefined) continue
    for (let column = 0; column < columns; column++) values[column]! /= divisors[column]!
  }
}
