/** Columns that share a scale. */
export const BLOCK_SIZE = 32
/** uint8 [N, K / 32, 16]: two codes a byte, the first in the low half. */
export const BLOCKS = 'blocks'
/** uint8 [N, K / 32]: exponents of two, plus 127. */
export const SCALES = 'scales'
