import { blockBytes, blockValues, type GgufBlockType } from '../block-types.js'
import { refuseBlocks, valuesIn } from './blocks-length.js'
import type { BlockParts, IntegerBlocks } from './integer-blocks.js'
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
 * Blocks -> integers, steps and least values, from which `dequantizeBlocks` makes the values.
 *
 * @param blocks uint8 [count · blockBytes(type)]
 * @param parts room for as many values and groups; new arrays by default
 * @throws {@link GgufError} GGUF_BLOCKS_LENGTH for a part of a block, or parts of another size
 */
export function splitBlocks(
  type: GgufIntegerType,
  blocks: Uint8Array,
  parts: BlockParts = newParts(type, blocks),
): BlockParts {
  const { groupSize, split } = INTEGERS[type]
  const [bytes, inBlock] = [blockBytes(type), blockValues(type)]
  const count = valuesIn(type, blocks)
  const { integers, steps, leasts } = parts
  const fits =
    integers.length === count && [steps, leasts].every(({ length }) => length * groupSize === count)
  if (!fits) {
    const found = `${integers.length} integers, ${steps.length} steps and ${leasts.length} least values`
    refuseBlocks(`${blocks.byteLength} bytes of ${type} are ${count} values, the target has ${found}`)
  }
  const groups = inBlock / groupSize
  for (let at = 0, to = 0, group = 0; to < count; at += bytes, to += inBlock, group += groups) {
    split(blocks, at, parts, to, group)
  }
  return parts
}

function newParts(type: GgufIntegerType, blocks: Uint8Array): BlockParts {
  const count = valuesIn(type, blocks)
  const groups = count / INTEGERS[type].groupSize
  return { integers: new Int8Array(count), steps: new Float32Array(groups), leasts: new Float32Array(groups) }
}
