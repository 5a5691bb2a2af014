import { blockBytes, blockValues, type GgufBlockType } from '../block-types.js'
import { GgufError } from '../errors.js'

/** Values of whole blocks. @throws {@link GgufError} GGUF_BLOCKS_LENGTH for a part of a block. */
export function valuesIn(type: GgufBlockType, blocks: Uint8Array): number {
  const count = blocks.byteLength / blockBytes(type)
  if (Number.isInteger(count)) return count * blockValues(type)
  return refuseBlocks(
    `${blocks.byteLength} bytes are no whole number of ${type} blocks of ${blockBytes(type)} bytes`,
  )
}

export function refuseBlocks(problem: string): never {
  throw new GgufError('GGUF_BLOCKS_LENGTH', `<blocks>: ${problem}`, { file: '<blocks>' })
}
