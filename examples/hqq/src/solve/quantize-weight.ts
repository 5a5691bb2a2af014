import { groupWeight } from './grouped-weight.js'
import { initialGrid } from './initial-grid.js'
import { encode, solveZeros } from './solve-zeros.js'

export interface QuantizeOptions {
  readonly topCode: number
  readonly groupSize: number
  readonly axis: 0 | 1
  /** Start the solver at whole zero points. */
  readonly startsWhole: boolean
  /** False: round to nearest on the initial grid. */
  readonly optimize: boolean
}

export interface QuantizedWeight {
  /** In the order of the weight. */
  readonly codes: Uint8Array
  /** float32 [P] */
  readonly scales: Float32Array
  /** float32 [P] */
  readonly zeros: Float32Array
  /** Mean absolute error entering each iteration of the solver. */
  readonly errors: readonly number[]
}

/** Quantizes a whole weight, because the solver stops by the error of the whole. `values` is finite and flattened. */
export function quantizeWeight(values: Float32Array, options: QuantizeOptions): QuantizedWeight {
  const { topCode, groupSize, axis, startsWhole, optimize } = options
  const weight = groupWeight(values, groupSize, axis)
  const grid = initialGrid(weight, topCode, startsWhole)
  const { zeros, errors } = optimize ? solveZeros(weight, grid, topCode) : { zeros: grid.zeros, errors: [] }
  const codes = encode(weight, { ...grid, zeros }, topCode)
  return { codes, scales: grid.inverseScales.map((inverse) => 1 / inverse), zeros, errors }
}
