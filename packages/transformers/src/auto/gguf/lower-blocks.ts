import {
  type BlockConstant,
  blockLookup,
  blockProduct,
  type ConstantPiece,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import { blockScales, dequantizeBlocks, type GgufIntegerType, integersOf } from '@hfquant/gguf'
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

/**
 * y = x·Wᵀ by `MatMulNBits`, on the integers and scales of the file; for Q6_K on those of joined groups; and for types whose
 * least values would cost more than they save, on weights that are rounded to 8 bits.
 */
export function lowerBlocks(
  graph: GraphBuilder,
  layer: LoweringInput,
  type: GgufIntegerType,
  origin: BlocksOrigin,
): GraphValue {
  if (isRounded(type)) return lowerRounded(graph, layer, type, origin)
  const blocks: CodedBlocks = { type, coded: type === 'Q6_K' ? 'Q6_K/4' : type, origin }
  const made = codedRows(layer, blocks)
  const offsets = { columns: made.blockSize, values: { chunks: () => turnedOffsets(layer, blocks) } }
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, ...made },
    offsets: integersOf(type).hasLeast ? offsets : undefined,
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
  if (isRounded(type) || integersOf(type).hasLeast) return undefined
  return blockLookup(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.gather`, ...codedRows(layer, { type, coded: type, origin }) },
  })
}

/** Types with least values that leave no four bits for a code, or have a scale for every 16 of them: as large as 8 bits are. */
const isRounded = (type: GgufIntegerType): type is GgufRoundedType => type in GGUF_ROUNDED_TYPES

/** As int8-weight-only has them; rows of Q5_1 may have half a block more. */
const roundedBlock = (columns: number): number => (columns % 64 === 0 ? 64 : 32)

/** Codes w / scale, half to even, with scale = max(min / -128, max / 127) of a block: no weight is off by more than half of it. */
function lowerRounded(
  graph: GraphBuilder,
  layer: LoweringInput,
  type: GgufRoundedType,
  origin: BlocksOrigin,
): GraphValue {
  const { inFeatures: columns, outFeatures, path } = layer.weight
  const blockSize = roundedBlock(columns)
  const constant = (part: Part): BlockConstant => {
    const rowBytes = part === 'codes' ? columns : (columns / blockSize) * 4
    const call = (rows: number) => ({
      kernel: 'ggufRounded',
      params: { type, rows, columns, groupSize: blockSize, part },
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
    ...{ name: `${path}.matmul_nbits`, bits: 8, blockSize },
    codes: constant('codes'),
    scales: constant('scales'),
  })
}

/** Blocks of a file, and the type that the kernel knows them by. */
interface CodedBlocks {
  readonly type: GgufIntegerType
  readonly coded: GgufCodedType
  readonly origin: BlocksOrigin
}

function codedRows(layer: LoweringInput, blocks: CodedBlocks) {
  const { bits } = GGUF_CODED_TYPES[blocks.coded]
  const constant = (part: Part): BlockConstant => ({
    chunks: () => codedChunks(layer, blocks, part),
    pieces: () => codedPieces(layer, blocks, part),
  })
  return {
    bits,
    blockSize: ggufCodeBlock(blocks.coded),
    codes: constant('codes'),
    scales: constant('scales'),
  }
}

type Part = Exclude<CodedPart, 'offsets'>
type CodedPart = GgufCodesParams['part']

const codedRowBytes = (type: GgufCodedType, columns: number, part: CodedPart): number =>
  part === 'codes' ? (columns * GGUF_CODED_TYPES[type].bits) / 8 : (columns / ggufCodeBlock(type)) * 4

async function* codedChunks(
  layer: LoweringInput,
  { type, coded, origin }: CodedBlocks,
  part: CodedPart,
): AsyncGenerator<Uint8Array> {
  const columns = layer.weight.inFeatures
  for await (const piece of readRows(layer, type)) {
    const made = new Uint8Array(piece.count * codedRowBytes(coded, columns, part))
    const params = { type: coded, rows: piece.count, columns, part }
    const { nonFinite } = runKernel('ggufCodes', params, [piece.blocks], [made])
    if (nonFinite > 0) checkScales(type, piece, origin)
    yield made
  }
}

function codedPieces(
  { source, weight }: LoweringInput,
  { type, coded }: CodedBlocks,
  part: Part,
): readonly ConstantPiece[] | undefined {
  const { outFeatures, inFeatures: columns } = weight
  return rowCalls(source?.(type), {
    rows: outFeatures,
    storedBytes: blockRowBytes(type, columns),
    madeBytes: codedRowBytes(coded, columns, part),
    call: (rows) => ({ kernel: 'ggufCodes', params: { type: coded, rows, columns, part } }),
  })
}

/** float32 [blocks, outFeatures]: turned in memory, a thirty-second of the weights. */
async function* turnedOffsets(layer: LoweringInput, blocks: CodedBlocks): AsyncGenerator<Uint8Array> {
  const { outFeatures: rows, inFeatures } = layer.weight
  const columns = inFeatures / ggufCodeBlock(blocks.coded)
  const offsets = new Uint8Array(rows * columns * 4)
  let length = 0
  for await (const chunk of codedChunks(layer, blocks, 'offsets')) {
    offsets.set(chunk, length)
    length += chunk.byteLength
  }
  const turned = new Uint8Array(offsets.byteLength)
  runKernel('transposeFloats', { dtype: 'float32', rows, columns }, [offsets], [turned])
  yield turned
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

/**
 * Says which scale or least value is no number.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE
 */
function checkScales(type: GgufIntegerType, { blocks, first, count }: RowPiece, origin: BlocksOrigin): void {
  const { steps, leasts } = blockScales(type, blocks)
  const rows = { first, inRow: steps.length / count }
  checkFinite(steps, rows, origin)
  checkFinite(leasts, rows, origin)
}
