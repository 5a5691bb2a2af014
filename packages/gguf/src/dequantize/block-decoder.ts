/** Blocks of one type, one behind the other -> their values, all of them. */
export type DecodeBlocks = (blocks: DataView, values: Float32Array) => void

/** One block at a position of `blocks` -> its values from a position of `values`. */
type DecodeBlock = (blocks: DataView, at: number, values: Float32Array, to: number) => void

/** Block by block. */
export function blockByBlock(inBlock: number, bytes: number, decode: DecodeBlock): DecodeBlocks {
  return (blocks, values) => {
    for (let to = 0, at = 0; to < values.length; to += inBlock, at += bytes) decode(blocks, at, values, to)
  }
}

/** Code `index` of 32 in 16 bytes: low nibbles are the first half, high ones the second. */
export function nibble(blocks: DataView, at: number, index: number): number {
  return index < 16 ? blocks.getUint8(at + index) & 15 : blocks.getUint8(at + index - 16) >> 4
}
