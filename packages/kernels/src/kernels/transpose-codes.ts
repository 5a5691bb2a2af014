import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { transposeCodes } from '../reference/transpose-codes.js'

/** codes int8 [rows, columns] -> code + 128, uint8 [columns, rows]. */
export const transposeCodesKernel: KernelDefinition<{ readonly rows: number; readonly columns: number }> = {
  name: 'transposeCodes',
  parse: (read) => ({ rows: read.count('rows'), columns: read.count('columns') }),
  sizes: ({ rows, columns }) => ({ inputs: [rows * columns], outputs: [rows * columns] }),
  reference: transposeCodes,
  simd({ rows, columns }, { exports }, [codes], [result]) {
    exports.transposeCodes(rows, columns, codes!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
