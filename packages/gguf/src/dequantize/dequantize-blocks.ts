import { blockBytes, blockValues, type GgufBlockType } from '../block-types.js'
import { GgufError } from '../errors.js'
import type { DecodeBlocks } from './block-decoder.js'
import { decodeBF16, decodeF16, decodeF32 } from './float-blocks.js'
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './k-blocks.js'
import { decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from './simple-blocks.js'
import { decodeIQ4_NL, decodeIQ4_XS, decodeMXFP4 } from './table-blocks.js'

const DECODERS: Readonly<Record<GgufBlockType, DecodeBlocks>> = {
  F32: decodeF32,
  F16: decodeF16,
  BF16: decodeBF16,
  Q4_0: decodeQ4_0,
  Q4_1: decodeQ4_1,
  Q5_0: decodeQ5_0,
  Q5_1: decodeQ5_1,
  Q8_0: decodeQ8_0,
  Q2_K: decodeQ2_K,
  Q3_K: decodeQ3_K,
  Q4_K: decodeQ4_K,
  Q5_K: decodeQ5_K,
  Q6_K: decodeQ6_K,
  IQ4_NL: decodeIQ4_NL,
  IQ4_XS: decodeIQ4_XS,
  MXFP4: decodeMXFP4,
}

/**
 * Blocks -> float32, to the bit what gguf-py and ggml's `dequantize_row_*` give: plain formulas, against which faster
 * code is compared.
 *
 * @param blocks uint8 [count · blockBytes(type)], at any position of its buffer
 * @param values float32 [count · blockValues(type)]; a new array by default
 * @throws {@link GgufError} GGUF_BLOCKS_LENGTH for a part of a block, or values that are not as many
 */
export function dequantizeBlocks(
  type: GgufBlockType,
  blocks: Uint8Array,
  values: Float32Array = new Float32Array(valuesIn(type, blocks)),
): Float32Array {
  const expected = valuesIn(type, blocks)
  if (values.length !== expected) {
    refuse(`${blocks.byteLength} bytes of ${type} are ${expected} values, the target has ${values.length}`)
  }
  DECODERS[type](new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength), values)
  return values
}

function valuesIn(type: GgufBlockType, blocks: Uint8Array): number {
  const count = blocks.byteLength / blockBytes(type)
  if (Number.isInteger(count)) return count * blockValues(type)
  return refuse(
    `${blocks.byteLength} bytes are no whole number of ${type} blocks of ${blockBytes(type)} bytes`,
  )
}

function refuse(problem: string): never {
  throw new GgufError('GGUF_BLOCKS_LENGTH', `<blocks>: ${problem}`, { file: '<blocks>' })
}
