import { ALL_FINITE, type KernelResult } from '../kernel.js'

const transposing =
  (flip: number) =>
  (
    { rows, columns }: { readonly rows: number; readonly columns: number },
    [source]: readonly Uint8Array[],
    [result]: readonly Uint8Array[],
  ): KernelResult => {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        result![column * rows + row] = source![row * columns + column]! ^ flip
      }
    }
    return ALL_FINITE
  }

/** codes int8 [rows, columns] -> code + 128, uint8 [columns, rows]: the weights of an unsigned integer product. */
export const transposeCodes = transposing(0x80)

/** bytes [rows, columns] -> [columns, rows], unchanged: the weights of a signed integer product. */
export const transposeBytes = transposing(0)
