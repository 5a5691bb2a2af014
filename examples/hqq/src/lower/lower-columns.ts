import {
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  readParts,
  roundHalfToEven,
} from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'
import { readCodes, readParameters, valueKeys } from '../format/stored-parts.js'
import { type Blocks, cutBlocks } from './blocks.js'
import { packRows } from './constants.js'
import { type AccuracyLevel, matMulNBits } from './mat-mul-n-bits.js'

/**
 * y = x·Wᵀ for groups that are whole columns: a scale belongs to an input, and goes into it. What real zero points add is
 * the same for every output.
 *
 * @returns undefined for groups that are parts of columns: they have no such form.
 */
export function lowerColumns(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: HqqLayout,
  accuracyLevel: AccuracyLevel,
): GraphValue | undefined {
  const { path, inFeatures, outFeatures } = layer.weight
  const blocks = cutBlocks(layer.weight, layout)
  if (blocks === undefined || layout.groupSize !== outFeatures) return undefined
  const constant = (name: string, shape: readonly number[], key: 'scales' | 'corrections') =>
    graph.constant({
      name: `${path}.matmul_nbits.${name}`,
      dtype: 'float32',
      shape,
      chunks: async function* () {
        yield new Uint8Array((await centredColumns(layer, layout, blocks))[key].buffer)
      },
    })
  const scaled = graph.node('Mul', [layer.input, constant('column_scales', [inFeatures], 'scales')])
  const product = matMulNBits(graph, layer, scaled, blocks, accuracyLevel, {
    codes: async function* () {
      const { codes } = await centredColumns(layer, layout, blocks)
      yield packRows(codes, inFeatures, blocks)
    },
    scales: async function* () {
      yield new Uint8Array(new Float32Array(outFeatures * blocks.blocksPerRow).fill(1).buffer)
    },
  })
  const corrections = constant('corrections', [inFeatures, 1], 'corrections')
  return graph.node('Add', [product, graph.node('MatMul', [layer.input, corrections])])
}

/** As in centredRows, with a scale, a move and a correction for each column. */
async function centredColumns(layer: LoweringInput, layout: HqqLayout, { container, centre }: Blocks) {
  const { outFeatures, inFeatures } = layer.weight
  const parts = await readParts(layer, valueKeys(layout))
  const { scales: columnScales, zeros } = readParameters(parts, layout)
  const codes = new Uint8Array(outFeatures * inFeatures)
  readCodes(parts('W_q'), layout, 0, codes)
  const scales = new Float32Array(inFeatures)
  const corrections = new Float32Array(inFeatures)
  for (let column = 0; column < inFeatures; column++) {
    let [smallest, largest] = [255, 0]
    for (let at = column; at < codes.length; at += inFeatures) {
      smallest = Math.min(smallest, codes[at]!)
      largest = Math.max(largest, codes[at]!)
    }
    const [scale, zero] = [columnScales[column]!, zeros[column]!]
    if (smallest === largest) {
      corrections[column] = scale * (smallest - zero)
      continue
    }
    const room = 2 ** container - 1 - largest
    const move = Math.min(Math.max(centre - roundHalfToEven(zero), 0), room)
    for (let at = column; at < codes.length; at += inFeatures) codes[at] = codes[at]! + move
    scales[column] = scale
    corrections[column] = scale * (centre - move - zero)
  }
  return { codes, scales, corrections }
}
