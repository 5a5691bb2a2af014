import { integerProduct, type QuantizedFormat } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { type GroupedCodes, QDATA, SCALE } from '../tensors/grouped-codes.js'
import type { Int8Activations } from '../tensors/int8-activations.js'
import { quantizeActivations } from './quantize-activations.js'

/**
 * y = x·Wᵀ as torchao's Int8Tensor computes it, a product of integers. Exact up to the rounding of the activations.
 *
 * Undefined for weights with a scale for each group, with zero points, or with too many columns: computed on the
 * dequantized weight.
 */
export function lowerDynamicInt8(
  { inFeatures, groupSize, zeroPoint, scaleDtype, shared }: GroupedCodes,
  activations: Int8Activations,
): QuantizedFormat['lower'] | undefined {
  if (groupSize !== inFeatures || zeroPoint === 'values') return undefined
  return (graph, layer) =>
    integerProduct(graph, layer, quantizeActivations(graph, layer.input, activations), {
      key: QDATA,
      async scales() {
        const stored = widenFloats(await layer.read(SCALE), scaleDtype)
        return shared ? new Float32Array(layer.weight.outFeatures).fill(stored[0]!) : stored
      },
    })
}
