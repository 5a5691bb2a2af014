import {
  type Component,
  type ComponentRows,
  type FloatDtype,
  packStream,
  type QuantizedFormat,
  type WeightInfo,
  wordsFor,
} from '@hfquant/core'
import { compressedFormat } from '../format/compressed-format.js'
import { PACKED, SCALE, SHAPE, ZERO_POINT } from '../format/layout.js'

/** How integers are stored in words. */
export interface PackedLayout {
  readonly bits: number
  /** Columns that share a scale; divides all of them. */
  readonly groupSize: number
  readonly symmetric: boolean
  readonly scaleDtype: FloatDtype
}

/** The format "pack-quantized" of a weight, as weights are written. Its inputs stay in float, whatever the config says of them. */
export function packedFormat(
  weight: WeightInfo,
  { bits, groupSize, symmetric, scaleDtype: dtype }: PackedLayout,
): QuantizedFormat {
  const { outFeatures, inFeatures } = weight
  const groups = inFeatures / groupSize
  const zeros: Component = {
    ...{ key: ZERO_POINT, dtype: 'int32', shape: [wordsFor(outFeatures, bits), groups], layout: 'whole' },
  }
  const components: readonly Component[] = [
    { key: PACKED, dtype: 'int32', shape: [outFeatures, wordsFor(inFeatures, bits)] },
    { key: SCALE, dtype, shape: [outFeatures, groups] },
    { key: SHAPE, dtype: 'int64', shape: [2], layout: 'whole' },
    ...(symmetric ? [] : [zeros]),
  ]
  return compressedFormat(
    {
      ...{ codes: { kind: 'packed', bits }, scales: { kind: 'float', dtype }, components },
      ...{ block: [1, groupSize], groupOf: undefined, activations: undefined },
      zeros: symmetric ? undefined : 'packed',
    },
    weight,
  )
}

/** Writes the shape of a weight. */
export function writeShape(parts: ComponentRows, { outFeatures, inFeatures }: WeightInfo): void {
  const { buffer, byteOffset } = parts.bytes(SHAPE)
  new BigInt64Array(buffer, byteOffset, 2).set([BigInt(outFeatures), BigInt(inFeatures)])
}

/** Zero points [N, G], from 0 on, to words [ceil(N·bits / 32), G], a stream of bits along the rows of each column. */
export function packZeros(zeros: Uint8Array, rows: number, bits: number, words: Int32Array): void {
  const groups = zeros.length / rows
  const fields = new Uint8Array(rows)
  const height = wordsFor(rows, bits)
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) fields[row] = zeros[row * groups + group]!
    const column = new Int32Array(height)
    packStream(fields, bits, column)
    for (let at = 0; at < height; at++) words[at * groups + group] = column[at]!
  }
}
