import { blockProduct, eachGroup, packCodes, type QuantizedFormat, unpackCodes } from '@hfquant/core'

/** Those that the product below knows. */
export const GROUP_SIZES = [16, 32, 64, 128, 256] as const

/** value ≈ (code − 8) · scale, with a scale for each group of a row. */
export const groupFormat = (groupSize: number): QuantizedFormat => ({
  name: `4 bits per group of ${groupSize}`,

  // The tensors that take the place of `weight` in the file. Both have the layout that the product below wants.
  components: ({ outFeatures, inFeatures }) => [
    { key: 'codes', dtype: 'uint8', shape: [outFeatures, inFeatures / groupSize, groupSize / 2] },
    { key: 'scales', dtype: 'float32', shape: [outFeatures, inFeatures / groupSize] },
  ],

  // Some rows at a time: where they are cut is decided elsewhere, and must not change the result.
  quantize(rows, out) {
    const [packed, scales] = [out.uint8('codes'), out.float32('scales')]
    eachGroup(rows, groupSize, (members, group) => {
      const { codes, scale } = roundGroup(members)
      scales[group] = scale
      packed.set(packCodes(codes, 1, { columns: groupSize, bits: 4 }), (group * groupSize) / 2)
    })
  },

  dequantize(stored, out) {
    const [codes, scales] = [unpackCodes(stored.uint8('codes'), 4), stored.float32('scales')]
    eachGroup(out, groupSize, (members, group) => {
      for (let i = 0; i < groupSize; i++) members[i] = (codes[group * groupSize + i]! - 8) * scales[group]!
    })
  },

  // y = x·Wᵀ as nodes of an ONNX graph. Without this function, products are computed on the dequantized weight.
  lower: (graph, { input, weight, component }) =>
    blockProduct(graph, input, weight, {
      ...{ name: weight.path, bits: 4, blockSize: groupSize },
      ...{ codes: component('codes'), scales: component('scales') },
    }),
})

/** Codes 1 to 15, of which 8 stands for 0. A group of zeros gets scale 1: dividing by 0 would store NaN. */
function roundGroup(members: Float32Array) {
  const scale = Math.fround(Math.max(...members.map(Math.abs)) / 7) || 1
  return { scale, codes: Uint8Array.from(members, (value) => Math.round(value / scale) + 8) }
}
