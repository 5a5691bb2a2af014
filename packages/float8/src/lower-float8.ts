import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import { CODE_VALUES, notFinite } from './code-values.js'
import { type EightBitGrid, gridsFor, MAGNITUDE } from './eight-bit-grid.js'
import { type Float8Layout, readScales, WEIGHT } from './layout.js'

/** Computes with activations rounded to int8 for each block: the level at which 8 bits run at memory speed. */
const INT8_ACTIVATIONS = 4

/** Constants are made in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

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
 * y = x·Wᵀ by `MatMulNBits` with 8 bits: B uint8 [N, blocks, size], scales float32 [N, blocks], zero point 128. Each block has
 * the one of two grids that loses less; undefined where no block of the operator lies within one scale.
 */
export function lowerFloat8(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: Float8Layout,
): GraphValue | undefined {
  const { path, outFeatures, inFeatures } = layer.weight
  const size = blockSize(layout.block[1], inFeatures)
  if (size === undefined) return undefined
  const blocks: Blocks = { layer, layout, size, count: Math.ceil(inFeatures / size) }
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks.count, size],
    chunks: () => codeChunks(blocks),
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks.count],
    chunks: () => scaleChunks(blocks),
  })
  return graph.node('MatMulNBits', [layer.input, codes, scales], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: 8 },
      block_size: { int: size },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
}

/** Larger blocks lose more, and smaller ones take more memory. */
function blockSize(scaleColumns: number, inFeatures: number): number | undefined {
  if (scaleColumns >= inFeatures) return 32
  return [32, 16].find((size) => scaleColumns % size === 0)
}

async function* codeChunks(blocks: Blocks): AsyncGenerator<Uint8Array> {
  const { layer, size, count } = blocks
  const { inFeatures } = layer.weight
  const codes = await layer.read(WEIGHT)
  for (const [first, end] of pieces(blocks)) {
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
  const { layer, layout, size, count } = blocks
  const [blockRows, blockColumns] = layout.block
  const perRow = Math.ceil(layer.weight.inFeatures / blockColumns)
  const codes = await layer.read(WEIGHT)
  const scales = readScales(await layer.read(layout.scaleKey), layout.scaleDtype)
  for (const [first, end] of pieces(blocks)) {
    const out = new Float32Array((end - first) * count)
    for (let row = first; row < end; row++) {
      const firstScale = Math.floor(row / blockRows) * perRow
      for (let block = 0; block < count; block++) {
        const scale = scales[firstScale + Math.floor((block * size) / blockColumns)]!
        out[(row - first) * count + block] = scale * (gridOf(codes, row, block, blocks)?.step ?? 1)
      }
    }
    yield new Uint8Array(out.buffer)
  }
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

function* pieces({ layer, size, count }: Blocks): Generator<readonly [first: number, end: number]> {
  const { outFeatures } = layer.weight
  const step = Math.max(1, Math.floor(PIECE_BYTES / Math.max(size * count, 1)))
  for (let first = 0; first < outFeatures; first += step) yield [first, Math.min(first + step, outFeatures)]
}
