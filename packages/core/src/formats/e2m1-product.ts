import type { LoweringInput } from '../contract/format.js'
import type { GraphBuilder, GraphValue } from '../contract/graph.js'
import { rowPieces } from './block-constants.js'
import { blockProduct } from './block-product.js'

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

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/**
 * y = x·Wᵀ with 8-bit codes. Twice an E2M1 value is an integer from -12 to 12, so the codes are exact, with half of the scale.
 * Four bits have evenly spaced values there, which these are not.
 */
export const e2m1Product = (graph: GraphBuilder, layer: LoweringInput, weight: E2m1Weight): GraphValue =>
  blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, bits: 8, blockSize: weight.blockSize },
    codes: { chunks: () => codeChunks(layer, weight.key) },
    scales: {
      async *chunks() {
        yield new Uint8Array((await weight.scales()).map((scale) => scale / 2).buffer)
      },
    },
  })

/** Both codes of a byte at once, the first in the low half: the runtime's machines are little-endian. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => gridCode(byte & 15) | (gridCode(byte >> 4) << 8))

function gridCode(code: number): number {
  return ZERO_POINT + 2 * E2M1_VALUES[code]!
}

async function* codeChunks(layer: LoweringInput, key: string): AsyncGenerator<Uint8Array> {
  const packed = await layer.read(key)
  for (const [start, end] of rowPieces(packed.length, 1)) {
    yield new Uint8Array(Uint16Array.from(packed.subarray(start, end), (byte) => PAIRS[byte]!).buffer)
  }
}
