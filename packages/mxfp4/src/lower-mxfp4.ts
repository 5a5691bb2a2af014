import {
  blockProduct,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  rowPieces,
} from '@hfquant/core'
import { E2M1_VALUES, SCALE_BIAS } from './e2m1.js'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/**
 * y = x·Wᵀ with 8-bit codes. Twice an E2M1 value is an integer from -12 to 12, so the codes are exact, with half of the scale.
 * Four bits have evenly spaced values there, which these are not.
 */
export const lowerMxfp4 = (graph: GraphBuilder, layer: LoweringInput): GraphValue =>
  blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${layer.weight.path}.matmul_nbits`, bits: 8, blockSize: BLOCK_SIZE },
    codes: { chunks: () => codeChunks(layer) },
    scales: { chunks: () => scaleChunks(layer) },
  })

/** Both codes of a byte at once, the first in the low half: the runtime's machines are little-endian. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => gridCode(byte & 15) | (gridCode(byte >> 4) << 8))

function gridCode(code: number): number {
  return ZERO_POINT + 2 * E2M1_VALUES[code]!
}

async function* codeChunks(layer: LoweringInput): AsyncGenerator<Uint8Array> {
  const packed = await layer.read(BLOCKS)
  for (const [start, end] of rowPieces(packed.length, 1)) {
    yield new Uint8Array(Uint16Array.from(packed.subarray(start, end), (byte) => PAIRS[byte]!).buffer)
  }
}

async function* scaleChunks(layer: LoweringInput): AsyncGenerator<Uint8Array> {
  const scales = await layer.read(SCALES)
  yield new Uint8Array(Float32Array.from(scales, (scale) => 2 ** (scale - SCALE_BIAS - 1)).buffer)
}
