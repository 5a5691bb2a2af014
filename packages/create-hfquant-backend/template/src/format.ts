import { blockProduct, type QuantizedFormat, roundHalfToEven } from '@hfquant/core'

/** Those that the product below knows. */
export const GROUP_SIZES = [16, 32, 64, 128, 256] as const
export type GroupSize = (typeof GROUP_SIZES)[number]

/** Codes are 0 to 15, and this one stands for 0. */
const ZERO_POINT = 8
/** The largest value of a group is code 15. */
const STEPS = 7

/** value ≈ (code − 8) · scale, with a scale for each group of a row. */
export const groupFormat = (groupSize: GroupSize): QuantizedFormat => ({
  name: `4 bits per group of ${groupSize}`,

  // The tensors that take the place of `weight` in the file. Both have the layout that the product below wants.
  components: ({ outFeatures, inFeatures }) => {
    const groups = inFeatures / groupSize
    return [
      { key: 'codes', dtype: 'uint8', shape: [outFeatures, groups, groupSize / 2] },
      { key: 'scales', dtype: 'float32', shape: [outFeatures, groups] },
    ]
  },

  // Some rows at a time: where they are cut is decided elsewhere, and must not change the result.
  quantize(rows, out) {
    const codes = out.uint8('codes')
    const scales = out.float32('scales')
    let group = 0
    for (let row = 0; row < rows.count; row++) {
      const values = rows.at(row) // [inFeatures]
      for (let first = 0; first < values.length; first += groupSize, group++) {
        const members = values.subarray(first, first + groupSize)
        scales[group] = scaleOf(members)
        packGroup(members, scales[group]!, codes.subarray((group * groupSize) / 2))
      }
    }
  },

  dequantize(stored, out) {
    const codes = stored.uint8('codes')
    const scales = stored.float32('scales')
    let index = 0
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      for (let column = 0; column < values.length; column++, index++) {
        const code = (codes[index >> 1]! >> (index % 2 === 0 ? 0 : 4)) & 15
        values[column] = (code - ZERO_POINT) * scales[Math.floor(index / groupSize)]!
      }
    }
  },

  // y = x·Wᵀ as nodes of an ONNX graph. Without this function, products are computed on the dequantized weight.
  lower: (graph, { input, weight, component }) =>
    blockProduct(graph, input, weight, {
      ...{ name: weight.path, bits: 4, blockSize: groupSize },
      ...{ codes: component('codes'), scales: component('scales') },
    }),
})

/** A group of zeros gets scale 1: dividing by 0 would store NaN. */
function scaleOf(members: Float32Array): number {
  const largest = members.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return Math.fround(largest / STEPS) || 1
}

/** Two codes a byte, the first in the lower half. */
function packGroup(members: Float32Array, scale: number, packed: Uint8Array): void {
  const codeOf = (value: number) => roundHalfToEven(value / scale) + ZERO_POINT
  for (let i = 0; i < members.length / 2; i++) {
    packed[i] = codeOf(members[2 * i]!) | (codeOf(members[2 * i + 1]!) << 4)
  }
}
