import { runKernel } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { GraphBuilder, GraphValue } from '../contract/graph.js'
import { rowPieces } from './block-constants.js'
import { blockProduct } from './block-product.js'
import { rowCalls, sharedTable } from './row-calls.js'
import { joinCodes, joinScales, type WiderBlocks, widerBlocks } from './wider-blocks.js'

/** Values of the sixteen codes of a four-bit float: a sign, two bits of exponent, one of mantissa. */
export const E2M1_VALUES: Float32Array = Float32Array.of(
  ...[0, 0.5, 1, 1.5, 2, 3, 4, 6],
  ...[-0, -0.5, -1, -1.5, -2, -3, -4, -6],
)

/** A weight of four-bit floats: w = E2M1(code) · scale of its block. */
export interface E2m1Weight {
  /** The component of the codes, two a byte, the first in its low half: N · K / 2 bytes, row by row. */
  readonly key: string
  /** 16, 32, 64, 128 or 256 columns that share a scale; K is a multiple of it. */
  readonly blockSize: number
  /** [N, K / blockSize] */
  scales(): Promise<Float32Array>
}

/** Of twice an E2M1 value, which is an integer. */
const LARGEST = 12

/** Columns of blocks that are joined: with those of 32, a product has nine tenths of the speed that it would have with 64. */
const NARROW_BLOCK = 16

/**
 * y = x·Wᵀ with 8-bit codes. Twice an E2M1 value is an integer from -12 to 12, so the codes are exact, with half of the scale.
 * Four bits have evenly spaced values there, which these are not. Blocks of 16 columns are joined where rows allow it, which
 * moves a weight by 1/32 of their largest scale at most, where the largest weight is 6 times that; see widerBlocks.
 */
export function e2m1Product(graph: GraphBuilder, layer: LoweringInput, weight: E2m1Weight): GraphValue {
  const { blockSize } = weight
  const isNarrow = blockSize === NARROW_BLOCK
  const wider = isNarrow ? widerBlocks(blockSize, layer.weight.inFeatures, LARGEST) : undefined
  const halves = async () => (await weight.scales()).map((scale) => scale / 2)
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, bits: 8, blockSize: wider?.to ?? blockSize },
    codes: {
      chunks: () => codeChunks(layer, weight.key, wider && { wider, scales: halves }),
      pieces: () => (wider === undefined ? codePieces(layer, weight.key) : undefined),
    },
    scales: {
      async *chunks() {
        const scales = await halves()
        yield new Uint8Array((wider === undefined ? scales : joinScales(scales, wider)).buffer)
      },
    },
  })
}

/** Both integers of a byte at once, the first in the low half: the runtime's machines are little-endian. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => gridCode(byte & 15) | (gridCode(byte >> 4) << 8))

function gridCode(code: number): number {
  return (2 * E2M1_VALUES[code]!) & 0xff
}

/** Unsigned, around 128. */
const CODES = Uint8Array.from({ length: 16 }, (_, code) => gridCode(code) ^ 0x80)
const TABLE = sharedTable(CODES)

function codePieces({ weight, source }: LoweringInput, key: string) {
  const { outFeatures: rows, inFeatures } = weight
  return rowCalls(source?.(key), {
    ...{ rows, storedBytes: inFeatures / 2, madeBytes: inFeatures, tables: [TABLE] },
    call: () => ({ kernel: 'nibbleBytes', params: { firstHigh: false } }),
  })
}

interface Joining {
  readonly wider: WiderBlocks
  scales(): Promise<Float32Array>
}

async function* codeChunks(
  { weight, read }: LoweringInput,
  key: string,
  joining: Joining | undefined,
): AsyncGenerator<Uint8Array> {
  const { outFeatures, inFeatures } = weight
  const packed = await read(key)
  const scales = await joining?.scales()
  const blocks = (scales?.length ?? 0) / outFeatures
  for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
    const bytes = packed.subarray((first * inFeatures) / 2, (end * inFeatures) / 2)
    const integers = new Int8Array(Uint16Array.from(bytes, (byte) => PAIRS[byte]!).buffer)
    if (joining) joinCodes(integers, scales!.subarray(first * blocks, end * blocks), joining.wider)
    const codes = new Uint8Array(integers.length)
    runKernel('offsetCodes', { bits: 8 }, [new Uint8Array(integers.buffer)], [codes])
    yield codes
  }
}
