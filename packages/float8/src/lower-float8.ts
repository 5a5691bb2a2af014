import {
  blockProduct,
  blockScales,
  blocksOf,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  rowPieces,
} from '@hfquant/core'
import { CODE_VALUES, notFinite } from './code-values.js'
import { type EightBitGrid, gridsFor, MAGNITUDE } from './eight-bit-grid.js'
import { type Float8Layout, readScales, WEIGHT } from './layout.js'

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/** A weight as the operator has it. */
interface Blocks {
  readonly layer: LoweringInput
  readonly layout: Float8Layout
  readonly size: number
  /** Of a row; the last one may reach beyond it. */
  readonly count: number
}

/**
 * y = x·Wᵀ with 8-bit codes. Each block has the one of two grids that loses less; undefined where no block of the operator lies
 * within one scale.
 */
export function lowerFloat8(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: Float8Layout,
): GraphValue | undefined {
  const { path, inFeatures } = layer.weight
  const size = blockSize(layout.block[1], inFeatures)
  if (size === undefined) return undefined
  const blocks: Blocks = { layer, layout, size, count: blocksOf(inFeatures, size) }
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: 8, blockSize: size },
    codes: { chunks: () => codeChunks(blocks) },
    scales: { chunks: () => scaleChunks(blocks) },
  })
}

/** Larger blocks lose more, and smaller ones take more memory. */
function blockSize(scaleColumns: number, inFeatures: number): number | undefined {
  if (scaleColumns >= inFeatures) return 32
  return [32, 16].find((size) => scaleColumns % size === 0)
}

async function* codeChunks(blocks: Blocks): AsyncGenerator<Uint8Array> {
  const { layer, size, count } = blocks
  const { outFeatures, inFeatures } = layer.weight
  const codes = await layer.read(WEIGHT)
  for (const [first, end] of rowPieces(outFeatures, size * count)) {
    const out = new Uint8Array((end - first) * count * size).fill(ZERO_POINT)
    for (let row = first; row < end; row++) {
      const start = (row - first) * count * size
      for (let block = 0; block < count; block++) {
        const found = gridOf(codes, row, block, blocks)
        if (found === undefined) continue
        const from = row * inFeatures + block * size
        const length = Math.min(size, inFeatures - block * size)
        for (let i = 0; i < length; i++)
          out[start + block * size + i] = ZERO_POINT + found.levels[codes[from + i]!]!
      }
    }
    yield out
  }
}

async function* scaleChunks({ layer, layout, size, count }: Blocks): AsyncGenerator<Uint8Array> {
  const [blockRows, blockColumns] = layout.block
  const { outFeatures, inFeatures } = layer.weight
  const perRow = Math.ceil(inFeatures / blockColumns)
  const codes = await layer.read(WEIGHT)
  const scales = readScales(await layer.read(layout.scaleKey), layout.scaleDtype)
  yield* blockScales(outFeatures, count, (row, block) => {
    const scale = scales[Math.floor(row / blockRows) * perRow + Math.floor((block * size) / blockColumns)]!
    return scale * (gridOf(codes, row, block, { layer, layout, size, count })?.step ?? 1)
  })
}

/** The grid of a block; undefined for one of zeros. */
function gridOf(
  codes: Uint8Array,
  row: number,
  block: number,
  { layer, layout, size }: Blocks,
): EightBitGrid | undefined {
  const { path, inFeatures } = layer.weight
  const start = row * inFeatures + block * size
  const end = Math.min(start + size, (row + 1) * inFeatures)
  let largest = 0
  for (let i = start; i < end; i++) largest = Math.max(largest, codes[i]! & MAGNITUDE)
  if (largest === 0) return undefined
  if (Number.isNaN(CODE_VALUES[layout.codeDtype][largest]!)) throw notFinite(path, row, block * size)
  const [even, power] = gridsFor(largest, layout.codeDtype)
  let advantage = 0
  for (let i = start; i < end; i++) advantage += even.losses[codes[i]!]! - power.losses[codes[i]!]!
  return advantage > 0 ? power : even
}
