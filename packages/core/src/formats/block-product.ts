import type { WeightInfo } from '../contract/format.js'
import type { ConstantPiece, GraphBuilder, GraphValue } from '../contract/graph.js'

/** The widths of a code that `MatMulNBits` has. */
export type CodeBits = 2 | 4 | 8

/** A constant that is made while the weights file is written. */
export interface BlockConstant {
  chunks(): AsyncIterable<Uint8Array>
  /** See ConstantTensor. */
  pieces?(): readonly ConstantPiece[] | undefined
}

/** A weight in blocks along its rows: w = (code − zero) · scale, with N output and K input features. */
export interface BlockWeight {
  /** Constants are called `${name}.codes` and so on. */
  readonly name: string
  readonly bits: CodeBits
  /** 16, 32, 64, 128 or 256 input features; the last block of a row may reach beyond it. */
  readonly blockSize: number
  /** uint8 [N, blocks, blockSize · bits / 8], the first code of a byte in its lowest bits. */
  readonly codes: BlockConstant | GraphValue
  /** [N, blocks] */
  readonly scales: BlockConstant | GraphValue
  /** Of the scales and of the product; default float32. */
  readonly dtype?: 'float32' | 'float16'
  /** uint8 [N, ceil(blocks · bits / 8)], every row beginning with a new byte; left out: 2^(bits − 1) everywhere. */
  readonly zeros?: BlockConstant | GraphValue | undefined
  /** What the product lacks where the zero of a format is no code. */
  readonly offsets?: BlockOffsets | undefined
  /**
   * 4 (default): activations are rounded to int8 for each block of a token, which runs at the speed of the memory. 0: they
   * are not, which is up to a hundred times slower.
   */
  readonly accuracyLevel?: 0 | 4
}

/** Numbers that are added to all weights of a run of columns: w = (code − zero) · scale + offset. */
export interface BlockOffsets {
  /** Columns of a run; it divides the input features. */
  readonly columns: number
  /** float32 [runs, N] */
  readonly values: BlockConstant | GraphValue
}

/**
 * y = x·Wᵀ by the operator `MatMulNBits`, without bias.
 *
 * @param input [..., inFeatures]
 */
export function blockProduct(
  graph: GraphBuilder,
  input: GraphValue,
  { outFeatures, inFeatures }: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  weight: BlockWeight,
): GraphValue {
  const { name, bits, blockSize, dtype = 'float32', zeros, offsets, accuracyLevel = 4 } = weight
  const blocks = blocksOf(inFeatures, blockSize)
  const part = partMaker(graph, name)
  const codes = part('codes', weight.codes, 'uint8', [outFeatures, blocks, (blockSize * bits) / 8])
  const scales = part('scales', weight.scales, dtype, [outFeatures, blocks])
  const zeroShape = [outFeatures, Math.ceil((blocks * bits) / 8)]
  const zeroPoints = zeros === undefined ? [] : [part('zero_points', zeros, 'uint8', zeroShape)]
  const product = graph.node('MatMulNBits', [input, codes, scales, ...zeroPoints], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: bits },
      block_size: { int: blockSize },
      accuracy_level: { int: accuracyLevel },
    },
  })
  if (offsets === undefined) return product
  const runs = inFeatures / offsets.columns
  const values = part('offsets', offsets.values, 'float32', [runs, outFeatures])
  const sums = inputSums(graph, input, runs, offsets.columns)
  return graph.node('Add', [product, graph.node('MatMul', [sums, values])])
}

/** A table whose rows are whole blocks. */
export type BlockTable = Pick<BlockWeight, 'name' | 'bits' | 'blockSize' | 'codes' | 'scales' | 'zeros'>

/**
 * Rows of a table by the operator `GatherBlockQuantized`, which restores those that are looked up and no others.
 *
 * @param rows indices, of any shape.
 */
export function blockLookup(
  graph: GraphBuilder,
  rows: GraphValue,
  { outFeatures, inFeatures }: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  { name, bits, blockSize, codes, scales, zeros }: BlockTable,
): GraphValue {
  const blocks = inFeatures / blockSize
  const part = partMaker(graph, name)
  const zeroShape = [outFeatures, Math.ceil((blocks * bits) / 8)]
  const inputs = [
    part('codes', codes, 'uint8', [outFeatures, (inFeatures * bits) / 8]),
    rows,
    part('scales', scales, 'float32', [outFeatures, blocks]),
    ...(zeros === undefined ? [] : [part('zero_points', zeros, 'uint8', zeroShape)]),
  ]
  return graph.node('GatherBlockQuantized', inputs, {
    domain: 'com.microsoft',
    attributes: {
      bits: { int: bits },
      block_size: { int: blockSize },
      gather_axis: { int: 0 },
      quantize_axis: { int: 1 },
    },
  })
}

/** Makes the constants of an operator, except for those that a graph has already. */
const partMaker =
  (graph: GraphBuilder, name: string) =>
  (
    part: string,
    made: BlockConstant | GraphValue,
    dtype: 'uint8' | 'float32' | 'float16',
    shape: readonly number[],
  ): GraphValue =>
    'id' in made ? made : graph.constant({ ...made, name: `${name}.${part}`, dtype, shape })

/** Sums of the inputs over each run of columns, [..., runs]; layers that share an input share them. */
function inputSums(
  { node, literal }: GraphBuilder,
  input: GraphValue,
  runs: number,
  columns: number,
): GraphValue {
  const leading = node('Shape', [input], { attributes: { end: { int: -1 } } })
  const shape = node('Concat', [leading, literal('int64', [2], [runs, columns])], {
    attributes: { axis: { int: 0 } },
  })
  const cut = node('Reshape', [input, shape])
  return node('ReduceSum', [cut, literal('int64', [1], [-1])], { attributes: { keepdims: { int: 0 } } })
}

/** Blocks of a row. */
export const blocksOf = (inFeatures: number, blockSize: number): number => Math.ceil(inFeatures / blockSize)

/** The group of input features that a block of a row lies in; see blockSizeFor. */
export const groupOfBlock = (block: number, blockSize: number, groupSize: number): number =>
  Math.floor((block * blockSize) / groupSize)

/** Block sizes of the operator that cost nothing in accuracy. */
const BLOCK_SIZES = [128, 64, 32, 16]
/** For long groups: small blocks round activations finer. */
const LONG_GROUP_BLOCK = 64

/**
 * The block size for groups of input features that share a scale: blocks never cross a group, except that a row with one
 * group may be cut anywhere. Undefined for group sizes that no block size divides.
 */
export function blockSizeFor(groupSize: number, inFeatures: number): number | undefined {
  if (groupSize >= inFeatures) return LONG_GROUP_BLOCK
  if (groupSize > 128 && groupSize % LONG_GROUP_BLOCK === 0) return LONG_GROUP_BLOCK
  return BLOCK_SIZES.find((size) => groupSize % size === 0)
}
