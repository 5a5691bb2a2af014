import {
  type BlockConstant,
  blockLookup,
  blockProduct,
  type CodeBits,
  type ConstantPiece,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  packCodes,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import {
  type BlockScales,
  blockIntegers,
  blockScales,
  dequantizeBlocks,
  type GgufIntegerType,
  integersOf,
} from '@hfquant/gguf'
import {
  GGUF_CODED_TYPES,
  GGUF_ROUNDED_TYPES,
  type GgufCodedType,
  type GgufCodesParams,
  type GgufRoundedType,
  ggufCodeBlock,
  runKernel,
} from '@hfquant/kernels'
import { type BlocksOrigin, blockRowBytes, checkFinite } from './block-rows.js'

/** How the integers of a type become codes of the runtime's operators: code = integer − centre + 2^(bits − 1). */
interface CodeLayout {
  readonly bits: CodeBits
  readonly blockSize: number
  readonly centre: number
  /** True where weights are (code − 2^(bits − 1)) · scale + offset, and not the product alone. */
  readonly hasOffsets: boolean
}

/** The integers themselves, and the scale of each group: nothing is rounded again. */
function codeLayout(type: GgufIntegerType): CodeLayout {
  const { groupSize, range, hasLeast } = integersOf(type)
  const [smallest, largest] = range
  // Around zero, what rounded activations add up to is the smallest.
  const centre = hasLeast ? (largest + 1) / 2 : 0
  const fitsNibble = smallest - centre >= -8 && largest - centre <= 7
  return { bits: fitsNibble ? 4 : 8, blockSize: groupSize, centre, hasOffsets: hasLeast }
}

/**
 * y = x·Wᵀ by `MatMulNBits`, on the integers and scales of the file; for Q6_K on those of joined groups, as the kernel has them; and for
 * types whose least values would cost more than they save, on weights that are rounded to 8 bits.
 */
export function lowerBlocks(
  graph: GraphBuilder,
  layer: LoweringInput,
  type: GgufIntegerType,
  origin: BlocksOrigin,
): GraphValue {
  if (isRounded(type) && layer.weight.inFeatures % ROUNDED_BLOCK === 0) {
    return lowerRounded(graph, layer, type, origin)
  }
  const { bits, blockSize: groupSize, hasOffsets } = codeLayout(type)
  const blockSize = isCoded(type) ? ggufCodeBlock(type) : groupSize
  const offsets = { columns: groupSize, values: { chunks: () => turnedOffsets(layer, type, origin) } }
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, bits, blockSize },
    ...blockRows(layer, type, origin, blockSize),
    offsets: hasOffsets ? offsets : undefined,
  })
}

/**
 * Rows of a table by an operator that has no offsets: a table with them is looked up in float.
 *
 * @returns undefined for such a type.
 */
export function lowerBlocksOfTable(
  graph: GraphBuilder,
  layer: LoweringInput,
  type: GgufIntegerType,
  origin: BlocksOrigin,
): GraphValue | undefined {
  const { bits, blockSize, hasOffsets } = codeLayout(type)
  if (hasOffsets) return undefined
  return blockLookup(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.gather`, bits, blockSize },
    ...blockRows(layer, type, origin, blockSize),
  })
}

/** Types with least values that leave no four bits for a code, or have a scale for every 16 of them: as large as 8 bits are. */
const isRounded = (type: GgufIntegerType): type is GgufRoundedType => type in GGUF_ROUNDED_TYPES

/** Columns of a block, as int8-weight-only has them. */
const ROUNDED_BLOCK = 64

/** Codes w / scale, half to even, with scale = max(min / -128, max / 127) of a block: no weight is off by more than half of it. */
function lowerRounded(
  graph: GraphBuilder,
  layer: LoweringInput,
  type: GgufRoundedType,
  origin: BlocksOrigin,
): GraphValue {
  const { inFeatures: columns, outFeatures, path } = layer.weight
  const constant = (part: Part): BlockConstant => {
    const rowBytes = part === 'codes' ? columns : (columns / ROUNDED_BLOCK) * 4
    const call = (rows: number) => ({
      kernel: 'ggufRounded',
      params: { type, rows, columns, groupSize: ROUNDED_BLOCK, part },
    })
    return {
      async *chunks() {
        for await (const { blocks, first, count } of readRows(layer, type)) {
          const made = new Uint8Array(count * rowBytes)
          const { nonFinite } = runKernel('ggufRounded', call(count).params, [blocks], [made])
          if (nonFinite > 0) checkFinite(dequantizeBlocks(type, blocks), { first, inRow: columns }, origin)
          yield made
        }
      },
      pieces: () =>
        rowCalls(layer.source?.(type), {
          ...{ rows: outFeatures, storedBytes: blockRowBytes(type, columns), madeBytes: rowBytes, call },
        }),
    }
  }
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: 8, blockSize: ROUNDED_BLOCK },
    codes: constant('codes'),
    scales: constant('scales'),
  })
}

/** @param blockSize that of the groups of the type, or of the joined ones that a kernel makes. */
function blockRows(
  layer: LoweringInput,
  type: GgufIntegerType,
  origin: BlocksOrigin,
  blockSize: number,
): Readonly<Record<Part, BlockConstant>> {
  const { inFeatures } = layer.weight
  const { bits, centre } = codeLayout(type)
  if (isCoded(type) && ggufCodeBlock(type) === blockSize) {
    const part = (name: Part) => ({
      chunks: () => codedChunks(layer, type, name, origin),
      pieces: () => codedPieces(layer, type, name),
    })
    return { codes: part('codes'), scales: part('scales') }
  }
  const constant = (make: (piece: RowPiece) => Uint8Array): BlockConstant => ({
    async *chunks() {
      for await (const piece of readRows(layer, type)) yield make(piece)
    },
  })
  return {
    codes: constant((piece) => {
      const integers = blockIntegers(type, piece.blocks)
      if (centre !== 0) for (let at = 0; at < integers.length; at++) integers[at]! -= centre
      return packCodes(bytesOf(integers), piece.count, { columns: inFeatures, bits, blockSize, signed: true })
    }),
    scales: constant((piece) => bytesOf(finiteScales(type, piece, origin).steps)),
  }
}

/** Types that kernels read, the most common ones. */
const isCoded = (type: GgufIntegerType): type is GgufCodedType => type in GGUF_CODED_TYPES

type Part = GgufCodesParams['part']

const codedRowBytes = (type: GgufCodedType, columns: number, part: Part): number =>
  part === 'codes' ? (columns * GGUF_CODED_TYPES[type].bits) / 8 : (columns / ggufCodeBlock(type)) * 4

async function* codedChunks(
  layer: LoweringInput,
  type: GgufCodedType,
  part: Part,
  origin: BlocksOrigin,
): AsyncGenerator<Uint8Array> {
  const columns = layer.weight.inFeatures
  for await (const piece of readRows(layer, type)) {
    const made = new Uint8Array(piece.count * codedRowBytes(type, columns, part))
    const params = { type, rows: piece.count, columns, part }
    const { nonFinite } = runKernel('ggufCodes', params, [piece.blocks], [made])
    // Says where.
    if (nonFinite > 0) finiteScales(type, piece, origin)
    yield made
  }
}

function codedPieces(
  { source, weight }: LoweringInput,
  type: GgufCodedType,
  part: Part,
): readonly ConstantPiece[] | undefined {
  const { outFeatures, inFeatures: columns } = weight
  return rowCalls(source?.(type), {
    rows: outFeatures,
    storedBytes: blockRowBytes(type, columns),
    madeBytes: codedRowBytes(type, columns, part),
    call: (rows) => ({ kernel: 'ggufCodes', params: { type, rows, columns, part } }),
  })
}

interface RowPiece {
  readonly first: number
  readonly count: number
  readonly blocks: Uint8Array
}

async function* readRows({ weight, read }: LoweringInput, type: GgufIntegerType): AsyncGenerator<RowPiece> {
  const blocks = await read(type)
  const rowBytes = blockRowBytes(type, weight.inFeatures)
  for (const [first, end] of rowPieces(weight.outFeatures, weight.inFeatures)) {
    yield { first, count: end - first, blocks: blocks.subarray(first * rowBytes, end * rowBytes) }
  }
}

/** @throws CheckpointError TENSOR_NOT_FINITE */
function finiteScales(
  type: GgufIntegerType,
  { blocks, first, count }: RowPiece,
  origin: BlocksOrigin,
): BlockScales {
  const scales = blockScales(type, blocks)
  const rows = { first, inRow: scales.steps.length / count }
  checkFinite(scales.steps, rows, origin)
  checkFinite(scales.leasts, rows, origin)
  return scales
}

/** float32 [blocks, outFeatures]: turned in memory, a thirty-second of the weights. */
async function* turnedOffsets(
  layer: LoweringInput,
  type: GgufIntegerType,
  origin: BlocksOrigin,
): AsyncGenerator<Uint8Array> {
  const { outFeatures, inFeatures } = layer.weight
  const { blockSize, centre } = codeLayout(type)
  const blocks = inFeatures / blockSize
  const offsets = new Float32Array(outFeatures * blocks)
  for await (const piece of readRows(layer, type)) {
    const { steps, leasts } = finiteScales(type, piece, origin)
    const start = piece.first * blocks
    for (let at = 0; at < steps.length; at++) offsets[start + at] = centre * steps[at]! - leasts[at]!
  }
  const turned = new Uint8Array(offsets.byteLength)
  const shape = { dtype: 'float32', rows: outFeatures, columns: blocks }
  runKernel('transposeFloats', shape, [bytesOf(offsets)], [turned])
  yield turned
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int8Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
