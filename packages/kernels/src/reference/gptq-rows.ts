import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import {
  findGrid,
  float32sOf,
  type GptqGridParams,
  type Grid,
  gridCode,
  gridValue,
  int32sOf,
} from './gptq-grid.js'

export interface GptqRowsParams extends GptqGridParams {
  readonly rows: number
  readonly columns: number
  readonly groups: number
  /** Columns that share a scale; the last group may be short. */
  readonly groupSize: number
  /** Positions of the columns that are quantized; `first` is a multiple of 128. */
  readonly first: number
  readonly end: number
  /** False: scales and zero points are known for all groups. */
  readonly findGrids: boolean
}

/** Columns whose updates are collected before they reach the columns behind them; part of the algorithm. */
const BLOCK = 128

const { fround } = Math

/**
 * The column loop of GPTQ with lazy block updates, in float32, over some columns; those behind them are brought up to
 * date, so that a call for the next columns goes on.
 *
 * State float32 [rows, columns] in the original order: at first the weight, and what is left of it behind the columns
 * that are done, which hold their codes. factor float32 [end - first, columns - first], rows and columns from `first` on
 * of the upper factor; order and groupOf int32 [columns] (column and group of each position);
 * scales float32 and zero points uint8 [rows, groups] as far as they are known -> state, scales, zero points, and losses
 * float64 [rows], the ½ Σ ((w − w') / U_cc)² of these columns.
 *
 * A group takes its parameters from the weights as they are at the start of the block in which it begins.
 */
export function gptqRows(
  params: GptqRowsParams,
  [before, factor, order, groupOf, knownScales, knownZeros]: readonly Uint8Array[],
  [state, scales, zeros, losses]: readonly Uint8Array[],
): KernelResult {
  const { rows, columns, groups, groupSize, first, end, findGrids, bits } = params
  const weights = float32sOf(before!)
  const u = float32sOf(factor!)
  const entry = (p: number, q: number): number => u[(p - first) * (columns - first) + (q - first)]!
  const columnAt = int32sOf(order!)
  const groupAt = int32sOf(groupOf!)
  state!.set(before!)
  scales!.set(knownScales!)
  zeros!.set(knownZeros!)
  const [stateView, scaleView] = [viewOf(state!), viewOf(scales!)]
  for (let row = 0; row < rows; row++) {
    // By position; what lies before `first` is not looked at.
    const w = Float32Array.from(columnAt, (column) => weights[row * columns + column]!)
    const gridAt = (group: number): Grid => ({
      scale: scaleView.getFloat32((row * groups + group) * 4, true),
      zero: zeros![row * groups + group]!,
    })
    let loss = 0
    for (let block = first; block < end; block += BLOCK) {
      const stop = Math.min(block + BLOCK, end)
      for (let p = Math.ceil(block / groupSize) * groupSize; findGrids && p < stop; p += groupSize) {
        const { scale, zero } = findGrid(w.subarray(p, p + groupSize), params)
        scaleView.setFloat32((row * groups + groupAt[p]!) * 4, scale, true)
        zeros![row * groups + groupAt[p]!] = zero
      }
      const errors = new Float32Array(stop - block)
      let blockLoss = 0
      for (let p = block; p < stop; p++) {
        const grid = gridAt(groupAt[p]!)
        const code = gridCode(w[p]!, grid, bits)
        const error = fround(fround(w[p]! - gridValue(code, grid)) / entry(p, p))
        errors[p - block] = error
        blockLoss += error * error
        for (let j = p + 1; j < stop; j++) w[j] = w[j]! - fround(error * entry(p, j))
        w[p] = code
      }
      for (let j = stop; j < columns; j++) {
        let sum = 0
        for (let i = block; i < stop; i++) sum = fround(sum + fround(errors[i - block]! * entry(i, j)))
        w[j] = w[j]! - sum
      }
      loss += blockLoss / 2
    }
    for (let p = first; p < columns; p++)
      stateView.setFloat32((row * columns + columnAt[p]!) * 4, w[p]!, true)
    viewOf(losses!).setFloat64(row * 8, loss, true)
  }
  return ALL_FINITE
}
