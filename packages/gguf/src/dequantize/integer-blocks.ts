/** Blocks as whole numbers: a value is step · integer − least, of which the product is rounded to float32 first. */
export interface BlockParts {
  readonly integers: Int8Array
  /** One for each group of values. */
  readonly steps: Float32Array
  /** The same; 0 for a type that has none. */
  readonly leasts: Float32Array
}

/** A type whose blocks hold integers. */
export interface IntegerBlocks {
  /** Values that share a step and a least value. */
  readonly groupSize: 16 | 32
  /** Of the integers. */
  readonly range: readonly [smallest: number, largest: number]
  readonly hasLeast: boolean
  /** Splits the block at `at`, with its first value at `to` and its first group at `group` of the parts. */
  split(blocks: Uint8Array, at: number, parts: BlockParts, to: number, group: number): void
}

/** 16 bytes with the codes of 32 values: the low nibbles are the first half, the high ones the second. */
export function readNibbles(blocks: Uint8Array, at: number, integers: Int8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = blocks[at + i]!
    integers[to + i] = byte & 15
    integers[to + i + 16] = byte >> 4
  }
}

/** Moves the integers of a block. */
export function shift(integers: Int8Array, to: number, count: number, by: number): void {
  for (let i = to; i < to + count; i++) integers[i]! += by
}
