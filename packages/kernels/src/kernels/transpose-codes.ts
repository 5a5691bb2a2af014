import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { transposeBytes, transposeCodes } from '../reference/transpose-codes.js'

interface TransposeParams {
  readonly rows: number
  readonly columns: number
}

const transposing = (
  name: string,
  flip: number,
  reference: KernelDefinition<TransposeParams>['reference'],
): KernelDefinition<TransposeParams> => ({
  name,
  parse: (read) => ({ rows: read.count('rows'), columns: read.count('columns') }),
  sizes: ({ rows, columns }) => ({ inputs: [rows * columns], outputs: [rows * columns] }),
  reference,
  simd({ rows, columns }, { exports }, [codes], [result]) {
    exports.transposeBytes(flip, rows, columns, codes!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
})

/** codes int8 [rows, columns] -> code + 128, uint8 [columns, rows]. */
export const transposeCodesKernel = transposing('transposeCodes', 0x80, transposeCodes)

/** bytes [rows, columns] -> [columns, rows], unchanged. */
export const transposeBytesKernel = transposing('transposeBytes', 0, transposeBytes)
