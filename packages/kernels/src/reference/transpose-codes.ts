import { ALL_FINITE, type KernelResult } from '../kernel.js'

/** codes int8 [rows, columns] -> code + 128, uint8 [columns, rows]: the weights of an unsigned integer product. */
export function transposeCodes(
  { rows, columns }: { readonly rows: number; readonly columns: number },
  [codes]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result![column * rows + row] = codes![row * columns + column]! ^ 0x80
    }
  }
  return ALL_FINITE
}
