/** Widths of a code. */
export type Bits = 2 | 3 | 4 | 8

export const BITS: readonly Bits[] = [2, 3, 4, 8]
