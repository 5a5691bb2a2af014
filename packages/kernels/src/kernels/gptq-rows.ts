import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type GptqRowsParams, gptqRows } from '../reference/gptq-rows.js'
import { configure, MAX_COLUMNS, readGrid } from './gptq-grid.js'

/** Some columns of the column loop; see `reference.gptqRows`. Any split of the rows over tasks gives the same bytes. */
export const gptqRowsKernel: KernelDefinition<GptqRowsParams> = {
  name: 'gptqRows',
  parse(read) {
    const columns = read.count('columns', 1, MAX_COLUMNS)
    const first = read.count('first', 0, columns - 1)
    return {
      ...readGrid('gptqRows', read),
      rows: read.count('rows'),
      columns,
      groups: read.count('groups'),
      groupSize: read.count('groupSize', 1),
      first,
      end: read.count('end', first + 1, columns),
      findGrids: read.flag('findGrids'),
    }
  },
  sizes({ rows, columns, groups, first, end }) {
    const [state, scales, zeros] = [rows * columns * 4, rows * groups * 4, rows * groups]
    const factor = (end - first) * (columns - first) * 4
    return {
      inputs: [state, factor, columns * 4, columns * 4, scales, zeros],
      outputs: [state, scales, zeros, rows * 8],
    }
  },
  // 64 rows of float32, a panel of the factor, the errors of a block, a grid, and products: `gptqRowsScratch` of the module.
  scratch: ({ columns, first }) =>
    64 * (columns - first) * 4 + 128 * (columns - first + 8) * 4 + 64 * 128 * 4 + 32 + 128,
  // The state is changed in place.
  overlay: true,
  reference: gptqRows,
  simd(params, wasm, inputs, [, scales, zeros, losses], scratch) {
    configure(wasm, params)
    const { rows, columns, groups, groupSize, first, end, findGrids } = params
    const [state, factor, order, groupOf, knownScales, knownZeros] = inputs
    scales!.set(knownScales!)
    zeros!.set(knownZeros!)
    losses!.fill(0)
    wasm.exports.gptqRows(
      rows,
      columns,
      groups,
      groupSize,
      first,
      end,
      Number(findGrids),
      state!.byteOffset,
      factor!.byteOffset,
      order!.byteOffset,
      groupOf!.byteOffset,
      scales!.byteOffset,
      zeros!.byteOffset,
      losses!.byteOffset,
      scratch.byteOffset,
    )
    return ALL_FINITE
  },
}
