import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { CAST_DTYPES, castBytes } from '../reference/cast-dtypes.js'
import { type TransposeParams, transposeFloats } from '../reference/transpose-floats.js'

/** [rows, columns] -> [columns, rows], in one dtype: any that can be cast to floats afterwards. */
export const transposeFloatsKernel: KernelDefinition<TransposeParams> = {
  name: 'transposeFloats',
  parse: (read) => ({
    dtype: read.choice('dtype', CAST_DTYPES),
    rows: read.count('rows'),
    columns: read.count('columns'),
  }),
  sizes({ dtype, rows, columns }) {
    const bytes = rows * columns * castBytes(dtype)
    return { inputs: [bytes], outputs: [bytes] }
  },
  reference: transposeFloats,
  simd({ dtype, rows, columns }, { exports }, [source], [result]) {
    exports.transposeFloats(castBytes(dtype), rows, columns, source!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
