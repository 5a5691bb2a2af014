import {
  blockProduct,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  readParts,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import { blockScales, scaleParts } from '../four-bit/block-scales.js'
import { blocksOf, type FourBitLayout, packedBytes, WEIGHT } from '../four-bit/layout.js'
import { bytesOf } from '../four-bit/nested-scales.js'
import { FOUR_BIT_GRIDS, type FourBitGrid } from './four-bit-grid.js'

/** Block sizes of `MatMulNBits`. */
const BLOCK_SIZES = [256, 128, 64, 32, 16]

/**
 * y = x·Wᵀ. Fast: the codes on an 8-bit grid. Low memory: the packed bytes as they are. Undefined where a block crosses
 * the end of a row in a way that no block size of the operator divides.
 */
export function lowerFourBit(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: FourBitLayout,
): GraphValue | undefined {
  if (layer.memory === 'low') return lowerPacked(graph, layer, layout)
  const { inFeatures } = layer.weight
  const blockSize = BLOCK_SIZES.find((size) => layout.blockSize % size === 0 && inFeatures % size === 0)
  return blockSize === undefined ? undefined : lowerOnGrid(graph, layer, layout, blockSize)
}

/** 8-bit codes around 128, with the step of the grid in the scales. */
function lowerOnGrid(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: FourBitLayout,
  blockSize: number,
): GraphValue {
  const grid = FOUR_BIT_GRIDS[layout.quantType]
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, bits: 8, blockSize },
    codes: { chunks: () => gridCodes(layer, grid), pieces: () => gridPieces(layer, grid) },
    scales: { chunks: () => gridScales(layer, layout, blockSize, grid) },
  })
}

/** Rows are whole numbers of blocks, so the codes stand in the order of the packed nibbles. */
async function* gridCodes(layer: LoweringInput, { codes }: FourBitGrid): AsyncGenerator<Uint8Array> {
  const packed = (await layer.read(WEIGHT)).subarray(0, packedBytes(layer.weight))
  for (const [start, end] of rowPieces(packed.length, 1)) {
    const made = new Uint8Array(2 * (end - start))
    runKernel('nibbleBytes', HIGH_FIRST, [packed.subarray(start, end), codes], [made])
    yield made
  }
}

function gridPieces({ weight, source }: LoweringInput, { codes }: FourBitGrid) {
  const { outFeatures: rows, inFeatures } = weight
  return rowCalls(source?.(WEIGHT), {
    ...{ rows, storedBytes: inFeatures / 2, madeBytes: inFeatures, tables: [codes] },
    call: () => ({ kernel: 'nibbleBytes', params: HIGH_FIRST }),
  })
}

/** The library puts the first code of a byte into its high half. */
const HIGH_FIRST = { firstHigh: true } as const

/** A block of the operator lies within one block of the format, and has its scale. */
async function* gridScales(
  layer: LoweringInput,
  layout: FourBitLayout,
  blockSize: number,
  { step }: FourBitGrid,
): AsyncGenerator<Uint8Array> {
  const absMax = await readScales(layer, layout)
  const perBlock = layout.blockSize / blockSize
  const count = (layer.weight.outFeatures * layer.weight.inFeatures) / blockSize
  const scales = new Float32Array(count)
  for (let block = 0, at = 0; at < count; block++) {
    const scale = absMax[block]! * step
    for (let own = 0; own < perBlock; own++) scales[at++] = scale
  }
  yield bytesOf(scales)
}

/** `MatMulBnb4`: B uint8, the packed bytes; absmax float32. Both flat, as the library stores them. */
function lowerPacked(graph: GraphBuilder, layer: LoweringInput, layout: FourBitLayout): GraphValue {
  const { path, outFeatures, inFeatures } = layer.weight
  const packed = graph.constant({
    name: `${path}.matmul_bnb4.packed`,
    dtype: 'uint8',
    shape: [packedBytes(layer.weight)],
    chunks: () => packedChunks(layer),
  })
  const absMax = graph.constant({
    name: `${path}.matmul_bnb4.absmax`,
    dtype: 'float32',
    shape: [blocksOf(layer.weight, layout.blockSize)],
    chunks: () => scaleChunks(layer, layout),
  })
  return graph.node('MatMulBnb4', [layer.input, packed, absMax], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      block_size: { int: layout.blockSize },
      quant_type: { int: OPERATOR_TYPES[layout.quantType] },
    },
  })
}

const OPERATOR_TYPES = { fp4: 0, nf4: 1 }

async function* packedChunks(layer: LoweringInput): AsyncGenerator<Uint8Array> {
  yield (await layer.read(WEIGHT)).subarray(0, packedBytes(layer.weight))
}

async function* scaleChunks(layer: LoweringInput, layout: FourBitLayout): AsyncGenerator<Uint8Array> {
  yield bytesOf(await readScales(layer, layout))
}

async function readScales(layer: LoweringInput, layout: FourBitLayout): Promise<Float32Array> {
  const parts = await readParts(layer, scaleParts(layout))
  return blockScales(parts, layout, layer.weight, 0, blocksOf(layer.weight, layout.blockSize))
}
