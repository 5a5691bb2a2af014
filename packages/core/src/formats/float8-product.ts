import { type Float8Dtype, LARGEST_FINITE, runKernel } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { ConstantPiece, GraphBuilder, GraphValue } from '../contract/graph.js'
import { padRows, rowPieces } from './block-constants.js'
import { blockProduct, blocksOf } from './block-product.js'
import { eightBitGrids } from './eight-bit-grid.js'
import { float8NotFinite } from './float8-values.js'
import { rowCalls } from './row-calls.js'

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
    codes: { chunks: () => codeChunks(blocks), pieces: () => codePieces(blocks) },
    scales: { chunks: () => scaleChunks(blocks) },
  })
}

/** Larger blocks lose more, and smaller ones take more memory. */
function blockSize(scaleColumns: number, inFeatures: number): number | undefined {
  if (scaleColumns >= inFeatures) return 32
  return [32, 16].find((size) => scaleColumns % size === 0)
}

async function* codeChunks(blocks: Blocks): AsyncGenerator<Uint8Array> {
  for await (const { made } of gridRows(blocks, 'codes')) yield made
}

/** The codes as kernels make them, where no row has a block that reaches beyond it. */
function codePieces(blocks: Blocks): readonly ConstantPiece[] | undefined {
  const { layer, key, dtype, size } = blocks
  const { outFeatures: rows, inFeatures } = layer.weight
  if (inFeatures % size !== 0) return undefined
  return rowCalls(layer.source?.(key), {
    ...{ rows, storedBytes: inFeatures, madeBytes: inFeatures, tables: eightBitGrids(dtype).tables },
    call: (count) => ({ kernel: 'float8Grids', params: paramsOf(blocks, count, 'codes') }),
  })
}

async function* scaleChunks(blocks: Blocks): AsyncGenerator<Uint8Array> {
  const { layer, dtype, size, count } = blocks
  const [blockRows, blockColumns] = blocks.block
  const perRow = Math.ceil(layer.weight.inFeatures / blockColumns)
  const scales = await blocks.scales()
  const { steps } = eightBitGrids(dtype)
  for await (const { first, made: grids } of gridRows(blocks, 'grids')) {
    const values = new Float32Array(grids.length)
    for (let start = 0, row = first; start < grids.length; start += count, row++) {
      const own = Math.floor(row / blockRows) * perRow
      for (let block = 0; block < count; block++) {
        const scale = scales[own + Math.floor((block * size) / blockColumns)]!
        values[start + block] = scale * steps[grids[start + block]!]!
      }
    }
    yield new Uint8Array(values.buffer)
  }
}

type Part = 'codes' | 'grids'

/** What the kernel makes of some rows, padded to whole blocks. @throws CheckpointError TENSOR_NOT_FINITE */
async function* gridRows(blocks: Blocks, part: Part) {
  const { layer, key, dtype, size, count } = blocks
  const { outFeatures, inFeatures } = layer.weight
  const stored = await layer.read(key)
  for (const [first, end] of rowPieces(outFeatures, size * count)) {
    const rows = stored.subarray(first * inFeatures, end * inFeatures)
    const codes = padRows(rows, end - first, inFeatures, size * count)
    const made = new Uint8Array(part === 'codes' ? codes.length : (end - first) * count)
    const inputs = [codes, ...eightBitGrids(dtype).tables]
    const { nonFinite } = runKernel('float8Grids', paramsOf(blocks, end - first, part), inputs, [made])
    if (nonFinite > 0) throw notFinite(codes, first, blocks)
    yield { first, made }
  }
}

const paramsOf = ({ dtype, size, count }: Blocks, rows: number, part: Part) => ({
  ...{ codeDtype: dtype, rows, columns: size * count, groupSize: size, part },
})

/** @param codes rows from `first` on, of which a block holds a code that is no finite number. */
function notFinite(codes: Uint8Array, first: number, { layer, key, dtype, size, count }: Blocks) {
  const at = codes.findIndex((code) => (code & 0x7f) > LARGEST_FINITE[dtype])
  const width = size * count
  const column = at % width
  return float8NotFinite(
    `${layer.weight.path}.${key}`,
    first + Math.floor(at / width),
    column - (column % size),
  )
}
