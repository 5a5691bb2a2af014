import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import type { MatrixParams } from '../reference/row-abs-max.js'
import { transposeFloats } from '../reference/transpose-floats.js'

/** [rows, columns] -> [columns, rows], in one dtype. */
export const transposeFloatsKernel: KernelDefinition<MatrixParams> = {
  name: 'transposeFloats',
  parse: (read) => ({ dtype: read.dtype('dtype'), rows: read.count('rows'), columns: read.count('columns') }),
  sizes({ dtype, rows, columns }) {
    const bytes = rows * columns * floatBytes(dtype)
    return { inputs: [bytes], outputs: [bytes] }
  },
  reference: transposeFloats,
  simd({ dtype, rows, columns }, { exports }, [source], [result]) {
    exports.transposeFloats(floatBytes(dtype), rows, columns, source!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
