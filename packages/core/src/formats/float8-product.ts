import type { Float8Dtype } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { GraphBuilder, GraphValue } from '../contract/graph.js'
import { blockScales, rowPieces } from './block-constants.js'
import { blockProduct, blocksOf } from './block-product.js'
import { type EightBitGrid, gridsFor, MAGNITUDE } from './eight-bit-grid.js'
import { FLOAT8_VALUES, float8NotFinite } from './float8-values.js'

/** A weight of eight-bit floats: w = code · scale of its block. */
export interface Float8Weight {
  /** The component of the codes: [N, K]. */
  readonly key: string
  readonly dtype: Float8Dtype
  /** Rows and columns that share a scale; the last blocks may reach beyond the weight. */
  readonly block: readonly [rows: number, columns: number]
  /** [ceil(N / rows), ceil(K / columns)] */
  scales(): Promise<Float32Array>
}

/** A weight as the operator has it. */
interface Blocks extends Float8Weight {
  readonly layer: LoweringInput
  readonly size: number
  /** Of a row; the last one may reach beyond it. */
  readonly count: number
}

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/**
 * y = x·Wᵀ with 8-bit codes. Each block has the one of two grids that loses less, and no weight is off by more than the largest
 * of its block / 128; undefined where no block of the operator lies within one scale.
 */
export function float8Product(
  graph: GraphBuilder,
  layer: LoweringInput,
  weight: Float8Weight,
): GraphValue | undefined {
  const { path, inFeatures } = layer.weight
  const size = blockSize(weight.block[1], inFeatures)
  if (size === undefined) return undefined
  const blocks: Blocks = { ...weight, layer, size, count: blocksOf(inFeatures, size) }
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
  const { layer, key, size, count } = blocks
  const { outFeatures, inFeatures } = layer.weight
  const codes = await layer.read(key)
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

async function* scaleChunks(blocks: Blocks): AsyncGenerator<Uint8Array> {
  const { layer, key, size, count } = blocks
  const [blockRows, blockColumns] = blocks.block
  const { outFeatures, inFeatures } = layer.weight
  const perRow = Math.ceil(inFeatures / blockColumns)
  const codes = await layer.read(key)
  const scales = await blocks.scales()
  yield* blockScales(outFeatures, count, (row, block) => {
    const scale = scales[Math.floor(row / blockRows) * perRow + Math.floor((block * size) / blockColumns)]!
    return scale * (gridOf(codes, row, block, blocks)?.step ?? 1)
  })
}

/** The grid of a block; undefined for one of zeros. */
function gridOf(
  codes: Uint8Array,
  row: number,
  block: number,
  { layer, key, dtype, size }: Blocks,
): EightBitGrid | undefined {
  const { path, inFeatures } = layer.weight
  const start = row * inFeatures + block * size
  const end = Math.min(start + size, (row + 1) * inFeatures)
  let largest = 0
  for (let i = start; i < end; i++) largest = Math.max(largest, codes[i]! & MAGNITUDE)
  if (largest === 0) return undefined
  if (Number.isNaN(FLOAT8_VALUES[dtype][largest]!)) {
    throw float8NotFinite(`${path}.${key}`, row, block * size)
  }
  const [even, power] = gridsFor(largest, dtype)
  let advantage = 0
  for (let i = start; i < end; i++) advantage += even.losses[codes[i]!]! - power.losses[codes[i]!]!
  return advantage > 0 ? power : even
}
