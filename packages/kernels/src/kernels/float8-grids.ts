import { KernelArgumentError } from '../errors.js'
import type { KernelDefinition } from '../kernel.js'
import { FLOAT8_DTYPES } from '../reference/float8-dequantize.js'
import {
  FLOAT8_GRID_PARTS,
  type Float8GridsParams,
  float8Grids,
  LARGEST_FINITE,
} from '../reference/float8-grids.js'
import { readGroupSize } from './group-size.js'

/** Eight-bit floats on evenly spaced values; see `reference.float8Grids`. */
export const float8GridsKernel: KernelDefinition<Float8GridsParams> = {
  name: 'float8Grids',
  parse(read) {
    const { columns, groupSize } = readGroupSize('float8Grids', read)
    if (groupSize % 16 !== 0) {
      throw new KernelArgumentError('float8Grids', 'parameter "groupSize"', groupSize, 'a multiple of 16')
    }
    const [codeDtype, part] = [
      read.choice('codeDtype', FLOAT8_DTYPES),
      read.choice('part', FLOAT8_GRID_PARTS),
    ]
    return { codeDtype, rows: read.count('rows'), columns, groupSize, part }
  },
  sizes({ rows, columns, groupSize, part }) {
    const count = rows * columns
    const outputs = [part === 'codes' ? count : count / groupSize]
    return { inputs: [count, 8 * 128 * 256, 2 * 128 * 256], outputs }
  },
  reference: float8Grids,
  simd: ({ codeDtype, rows, columns, groupSize, part }, { exports }, inputs, [result]) => ({
    nonFinite: exports.float8Grids(
      LARGEST_FINITE[codeDtype],
      FLOAT8_GRID_PARTS.indexOf(part),
      (rows * columns) / groupSize,
      groupSize,
      inputs[0]!.byteOffset,
      inputs[1]!.byteOffset,
      inputs[2]!.byteOffset,
      result!.byteOffset,
    ),
  }),
}
