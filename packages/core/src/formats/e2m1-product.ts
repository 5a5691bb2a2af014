import { runKernel } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { ConstantPiece, GraphBuilder, GraphValue } from '../contract/graph.js'
import { rowPieces } from './block-constants.js'
import { blockProduct } from './block-product.js'
import { rowCalls, sharedBytes } from './row-calls.js'
import { joinCodes, joinedRatios, joinScales, type WiderBlocks, widerBlocks } from './wider-blocks.js'

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

/** Twice the value of each code, as int8, and around 128. */
const INTEGERS = Uint8Array.from(E2M1_VALUES, (value) => (2 * value) & 0xff)
const CODES = sharedBytes(INTEGERS.map((integer) => integer ^ 0x80))

/** Two codes a byte, the first in its low half. */
const LOW_FIRST = { firstHigh: false } as const

function codePieces({ weight, source }: LoweringInput, key: string): readonly ConstantPiece[] | undefined {
  const { outFeatures: rows, inFeatures } = weight
  return rowCalls(source?.(key), {
    ...{ rows, storedBytes: inFeatures / 2, madeBytes: inFeatures, tables: [CODES] },
    call: () => ({ kernel: 'nibbleBytes', params: LOW_FIRST }),
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
  const ratios = joining && joinedRatios(await joining.scales(), joining.wider)
  for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
    const bytes = packed.subarray((first * inFeatures) / 2, (end * inFeatures) / 2)
    const made = new Uint8Array(2 * bytes.length)
    runKernel('nibbleBytes', LOW_FIRST, [bytes, ratios === undefined ? CODES : INTEGERS], [made])
    if (joining === undefined) yield made
    else {
      const { from } = joining.wider
      yield joinCodes(made, ratios!.slice((first * inFeatures) / from, (end * inFeatures) / from), from)
    }
  }
}
