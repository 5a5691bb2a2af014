import { blockBytes, blockValues, type GgufBlockType } from '../block-types.js'
import { refuseBlocks, valuesIn } from './blocks-length.js'
import type { IntegerBlocks } from './integer-blocks.js'
import { Q2_K, Q3_K, Q4_K, Q5_K, Q6_K } from './k-blocks.js'
import { Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 } from './simple-blocks.js'
import { IQ4_NL, IQ4_XS, MXFP4 } from './table-blocks.js'

/** The types whose blocks hold integers; the others are plain floats. */
export type GgufIntegerType = Exclude<GgufBlockType, 'F32' | 'F16' | 'BF16'>

const INTEGERS: Readonly<Record<GgufIntegerType, IntegerBlocks>> = {
  ...{ Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 },
  ...{ Q2_K, Q3_K, Q4_K, Q5_K, Q6_K },
  ...{ IQ4_NL, IQ4_XS, MXFP4 },
}

export const isIntegerType = (type: GgufBlockType): type is GgufIntegerType => type in INTEGERS

/** What the integers of a type are. */
export const integersOf = (type: GgufIntegerType): Pick<IntegerBlocks, 'groupSize' | 'range' | 'hasLeast'> =>
  INTEGERS[type]

/**
 * Blocks -> the integers of their values.
 *
 * @param blocks uint8 [count · blockBytes(type)]
 * @param integers int8 [count · blockValues(type)]; a new array by default
 * @throws {@link GgufError} GGUF_BLOCKS_LENGTH for a part of a block, or integers that are not as many
 */
export function blockIntegers(
  type: GgufIntegerType,
  blocks: Uint8Array,
  integers: Int8Array = new Int8Array(valuesIn(type, blocks)),
): Int8Array {
  const count = valuesIn(type, blocks)
  if (integers.length !== count) {
    refuseBlocks(
      `${blocks.byteLength} bytes of ${type} are ${count} values, the target has ${integers.length}`,
    )
  }
  const { readIntegers } = INTEGERS[type]
  const [bytes, inBlock] = [blockBytes(type), blockValues(type)]
  for (let at = 0, to = 0; to < count; at += bytes, to += inBlock) readIntegers(blocks, at, integers, to)
  return integers
}

/** What the integers of groups stand for: a value is step · integer − least, the product rounded to float32 first. */
export interface BlockScales {
  /** One for each group of values. */
  readonly steps: Float32Array
  /** The same; 0 for a type that has none. */
  readonly leasts: Float32Array
}

/**
 * Blocks -> the steps and least values of their groups.
 *
 * @param blocks uint8 [count · blockBytes(type)]
 * @throws {@link GgufError} GGUF_BLOCKS_LENGTH for a part of a block
 */
export function blockScales(type: GgufIntegerType, blocks: Uint8Array): BlockScales {
  const { groupSize, readScales } = INTEGERS[type]
  const [bytes, inBlock] = [blockBytes(type), blockValues(type) / groupSize]
  const count = valuesIn(type, blocks) / groupSize
  const [steps, leasts] = [new Float32Array(count), new Float32Array(count)]
  for (let at = 0, group = 0; group < count; at += bytes, group += inBlock) {
    readScales(blocks, at, steps, leasts, group)
  }
  return { steps, leasts }
}
