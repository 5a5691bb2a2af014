import type { QuantizedFormat } from '@hfquant/core'
import { dequantizeBlocks, type GgufIntegerType } from '@hfquant/gguf'
import { type BlocksOrigin, blockRowBytes, checkFinite } from './block-rows.js'
import { lowerBlocks, lowerBlocksOfTable } from './lower-blocks.js'

/** Blocks of llama.cpp, as they are in the file; the one component is called as the type is. */
export function blockFormat(type: GgufIntegerType, origin: BlocksOrigin): QuantizedFormat {
  return {
    name: `${type} blocks of GGUF`,
    components: ({ outFeatures, inFeatures }) => [
      { key: type, dtype: 'uint8', shape: [outFeatures, blockRowBytes(type, inFeatures)] },
    ],
    dequantize(stored, out, { inFeatures }) {
      const bytes = stored.uint8(type)
      const rowBytes = blockRowBytes(type, inFeatures)
      for (let row = 0; row < out.count; row++) {
        const values = dequantizeBlocks(
          type,
          bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
          out.at(row),
        )
        checkFinite(values, { first: out.first + row, inRow: inFeatures }, origin)
      }
    },
    lower: (graph, layer) => lowerBlocks(graph, layer, type, origin),
    lowerEmbedding: (graph, layer) => lowerBlocksOfTable(graph, layer, type, origin),
  }
}
