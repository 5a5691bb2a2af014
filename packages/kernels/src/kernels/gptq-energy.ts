import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type GptqEnergyParams, gptqEnergy } from '../reference/gptq-energy.js'
import { MAX_COLUMNS } from './gptq-grid.js'

/** A share of w·H·wᵀ; see `reference.gptqEnergy`. */
export const gptqEnergyKernel: KernelDefinition<GptqEnergyParams> = {
  name: 'gptqEnergy',
  parse(read) {
    const columns = read.count('columns', 1, MAX_COLUMNS)
    const first = read.count('first', 0, columns - 1)
    return { rows: read.count('rows'), columns, first, end: read.count('end', first + 1, columns) }
  },
  sizes: ({ rows, columns, first, end }) => ({
    inputs: [rows * columns * 4, (end - first) * end * 4],
    outputs: [rows * 8],
  }),
  // 64 rows of float32, a packed panel, and products: `gptqEnergyScratch` of the module.
  scratch: ({ columns }) => 64 * columns * 4 + 128 * (columns + 8) * 4 + 128,
  reference: gptqEnergy,
  simd({ rows, columns, first, end }, { exports }, [weight, hessian], [energies], scratch) {
    energies!.fill(0)
    exports.gptqEnergy(
      rows,
      columns,
      first,
      end,
      weight!.byteOffset,
      hessian!.byteOffset,
      energies!.byteOffset,
      scratch.byteOffset,
    )
    return ALL_FINITE
  },
}
