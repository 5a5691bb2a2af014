import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import { E2M1_VALUES, SCALE_BIAS } from './e2m1.js'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'

/** Computes with activations rounded to int8 for each block: the level at which 8 bits run at memory speed. */
const INT8_ACTIVATIONS = 4

/** Constants are made in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

/** The 8-bit code of 0. */
const ZERO_POINT = 128

/**
 * y = x·Wᵀ by `MatMulNBits` with 8 bits: B uint8 [N, K / 32, 32], scales float32 [N, K / 32], zero point 128. Twice an E2M1
 * value is an integer from -12 to 12, so the codes are exact, with half of the scale. Four bits have evenly spaced values
 * there, which these are not.
 */
export function lowerMxfp4(graph: GraphBuilder, layer: LoweringInput): GraphValue {
  const { path, outFeatures, inFeatures } = layer.weight
  const blocks = inFeatures / BLOCK_SIZE
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks, BLOCK_SIZE],
    chunks: () => codeChunks(layer),
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => scaleChunks(layer),
  })
  return graph.node('MatMulNBits', [layer.input, codes, scales], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: 8 },
      block_size: { int: BLOCK_SIZE },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
}

/** Both codes of a byte at once, the first in the low half: the runtime's machines are little-endian. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => gridCode(byte & 15) | (gridCode(byte >> 4) << 8))

function gridCode(code: number): number {
  return ZERO_POINT + 2 * E2M1_VALUES[code]!
}

async function* codeChunks(layer: LoweringInput): AsyncGenerator<Uint8Array> {
  const packed = await layer.read(BLOCKS)
  for (let start = 0; start < packed.length; start += PIECE_BYTES) {
    const piece = packed.subarray(start, start + PIECE_BYTES)
    const out = new Uint16Array(piece.length)
    for (let i = 0; i < piece.length; i++) out[i] = PAIRS[piece[i]!]!
    yield new Uint8Array(out.buffer)
  }
}

async function* scaleChunks(layer: LoweringInput): AsyncGenerator<Uint8Array> {
  const scales = await layer.read(SCALES)
  yield new Uint8Array(Float32Array.from(scales, (scale) => 2 ** (scale - SCALE_BIAS - 1)).buffer)
}
