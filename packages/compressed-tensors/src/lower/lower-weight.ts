import {
  e2m1Product,
  float8Product,
  type GraphBuilder,
  type GraphValue,
  integerProduct,
  type LoweringInput,
  readParts,
} from '@hfquant/core'
import { codesKey, GLOBAL_SCALE, SCALE, WEIGHT, type WeightLayout } from '../format/layout.js'
import { readScales } from '../format/read-scales.js'
import { lowerIntegers } from './lower-integers.js'
import { quantizeActivations } from './quantize-activations.js'

/**
 * y = x·Wᵀ with the codes of the file. Small floats lie on grids of eight bits, E2M1 without loss; integers are computed with as
 * they are, in one product with those of the activations where the checkpoint has such. Undefined, for a product with the
 * restored weight, where no block of the operator lies within one scale.
 */
export function lowerWeight(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: WeightLayout,
): GraphValue | undefined {
  const scales = () => layerScales(layer, layout)
  const { codes, block, activations } = layout
  const [blockRows, blockColumns] = block
  if (codes.kind === 'e4m3') {
    return float8Product(graph, layer, { key: WEIGHT, dtype: 'float8_e4m3fn', block, scales })
  }
  if (codes.kind === 'e2m1') {
    const isBlock = blockRows === 1 && [16, 32, 64, 128, 256].includes(blockColumns)
    return isBlock
      ? e2m1Product(graph, layer, { key: codesKey(layout), blockSize: blockColumns, scales })
      : undefined
  }
  const { inFeatures, outFeatures } = layer.weight
  const isPerRow = blockColumns === inFeatures && (blockRows === 1 || !Number.isFinite(blockRows))
  if (activations === undefined || !isPerRow || layout.zeros !== undefined) {
    return lowerIntegers(graph, layer, layout, scales)
  }
  return integerProduct(graph, layer, quantizeActivations(graph, layer, activations), {
    key: WEIGHT,
    async scales() {
      const stored = await scales()
      return blockRows === 1 ? stored : new Float32Array(outFeatures).fill(stored[0]!)
    },
  })
}

/** Scales as float32, in the order of the file. */
async function layerScales(layer: LoweringInput, { scales }: WeightLayout): Promise<Float32Array> {
  const keys = scales.kind === 'e4m3' ? [SCALE, GLOBAL_SCALE] : [SCALE]
  return readScales(scales, await readParts(layer, keys))
}
