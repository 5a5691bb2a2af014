import { blockBytes, blockValues, type GgufBlockType } from '../block-types.js'
import { refuseBlocks, valuesIn } from './blocks-length.js'
import { type DecodeFloats, decodeBF16, decodeF16, decodeF32 } from './float-blocks.js'
import {
  blockIntegers,
  blockScales,
  type GgufIntegerType,
  integersOf,
  isIntegerType,
} from './split-blocks.js'

const FLOATS: Readonly<Record<Exclude<GgufBlockType, GgufIntegerType>, DecodeFloats>> = {
  F32: decodeF32,
  F16: decodeF16,
  BF16: decodeBF16,
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
    refuseBlocks(
      `${blocks.byteLength} bytes of ${type} are ${expected} values, the target has ${values.length}`,
    )
  }
  if (isIntegerType(type)) dequantizeIntegers(type, blocks, values)
  else FLOATS[type](new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength), values)
  return values
}

/** Integers pass through memory in pieces of so many blocks. */
const BLOCKS_AT_ONCE = 256

function dequantizeIntegers(type: GgufIntegerType, blocks: Uint8Array, values: Float32Array): void {
  const { groupSize } = integersOf(type)
  const pieceBytes = BLOCKS_AT_ONCE * blockBytes(type)
  const integers = new Int8Array(BLOCKS_AT_ONCE * blockValues(type))
  const { steps, leasts } = blockScales(type, blocks)
  for (let at = 0, to = 0; at < blocks.byteLength; at += pieceBytes, to += integers.length) {
    const own = integers.subarray(0, values.length - to)
    blockIntegers(type, blocks.subarray(at, at + pieceBytes), own)
    for (let i = 0; i < own.length; i += groupSize) {
      const group = (to + i) / groupSize
      restoreGroup(own, i, i + groupSize, steps[group]!, leasts[group]!, values, to)
    }
  }
}

/** In a function of its own, which engines compile better than the same lines in a loop around them. */
function restoreGroup(
  integers: Int8Array,
  first: number,
  end: number,
  step: number,
  least: number,
  values: Float32Array,
  to: number,
): void {
  for (let i = first; i < end; i++) values[to + i] = Math.fround(step * integers[i]!) - least
}
