import { E2M1_VALUES, e2m1Product, eachGroup, powersOfTwo, type QuantizedFormat } from '@hfquant/core'
import { encodeBlock } from './e2m1.js'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'

/** w' = E2M1(code) · 2^(scale − 127), which float32 holds exactly below 2^128. */
export const mxfp4Format: QuantizedFormat = {
  name: 'MXFP4 in blocks of 32',
  components: ({ outFeatures, inFeatures }) => [
    { key: BLOCKS, dtype: 'uint8', shape: [outFeatures, inFeatures / BLOCK_SIZE, BLOCK_SIZE / 2] },
    { key: SCALES, dtype: 'uint8', shape: [outFeatures, inFeatures / BLOCK_SIZE] },
  ],
  quantize(rows, out) {
    const [bytes, scales] = [out.uint8(BLOCKS), out.uint8(SCALES)]
    eachGroup(rows, BLOCK_SIZE, (members, block) => {
      const { scale, codes } = encodeBlock(members)
      scales[block] = scale
      const start = (block * BLOCK_SIZE) / 2
      for (let i = 0; i < BLOCK_SIZE; i += 2) bytes[start + i / 2] = codes[i]! | (codes[i + 1]! << 4)
    })
  },
  dequantize(stored, out) {
    const [bytes, scales] = [stored.uint8(BLOCKS), powersOfTwo(stored.uint8(SCALES))]
    let byte = 0
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      for (let column = 0; column < values.length; column += 2, byte++) {
        const scale = scales[byte >> 4]!
        values[column] = E2M1_VALUES[bytes[byte]! & 15]! * scale
        values[column + 1] = E2M1_VALUES[bytes[byte]! >> 4]! * scale
      }
    }
  },
  lower: (graph, layer) =>
    e2m1Product(graph, layer, {
      ...{ key: BLOCKS, blockSize: BLOCK_SIZE },
      scales: async () => powersOfTwo(await layer.read(SCALES)),
    }),
}
