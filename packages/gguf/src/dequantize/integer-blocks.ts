/** A type whose blocks hold integers. */
export interface IntegerBlocks {
  /** Values that share a step and a least value. */
  readonly groupSize: 16 | 32
  /** Of the integers. */
  readonly range: readonly [smallest: number, largest: number]
  readonly hasLeast: boolean
  /** Of the block at `at`; the first one goes to `to`. */
  readIntegers(blocks: Uint8Array, at: number, integers: Int8Array, to: number): void
  /** The same for steps, and least values where the type has them; the first ones go to `group`. */
  readScales(blocks: Uint8Array, at: number, steps: Float32Array, leasts: Float32Array, group: number): void
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
