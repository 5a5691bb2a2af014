import type { FloatRows, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import { lowerFourBit } from '../lower/four-bit.js'
import { blockScales } from './block-scales.js'
import { type FourBitLayout, rowsPerStep, WEIGHT } from './layout.js'
import { bytesOf } from './nested-scales.js'

/** What a four-bit weight can do whether it was read or made. */
export function fourBitFormat(layout: FourBitLayout, weight: WeightInfo): QuantizedFormat {
  const { quantType, blockSize, scales } = layout
  return {
    name: `${quantType} in blocks of ${blockSize}${scales === 'nested' ? ', double quantization' : ''}`,
    rowsPerStep: layout.padded ? Math.max(weight.outFeatures, 1) : rowsPerStep(weight, blockSize),
    components: () => layout.components,
    dequantize(stored, out, { inFeatures }) {
      const first = (out.first * inFeatures) / blockSize
      const count = Math.ceil((out.count * inFeatures) / blockSize)
      const params = { dtype: 'float32', rows: out.count, columns: inFeatures, quantType, blockSize }
      const values = new Float32Array(out.count * inFeatures)
      // Bytes that pad the last word of a storage dtype stand behind the last weight.
      const packed = stored.bytes(WEIGHT).subarray(0, Math.ceil(values.length / 2))
      const absMax = blockScales((key) => stored.bytes(key), layout, weight, first, count)
      runKernel('bnb4Dequantize', params, [packed, bytesOf(absMax)], [bytesOf(values)])
      copyRows(values, out)
    },
    lower: (graph, layer) => lowerFourBit(graph, layer, layout),
  }
}

function copyRows(values: Float32Array, out: FloatRows): void {
  const columns = values.length / Math.max(out.count, 1)
  for (let row = 0; row < out.count; row++)
    out.at(row).set(values.subarray(row * columns, (row + 1) * columns))
}
