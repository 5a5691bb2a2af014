import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { floatReader, viewOf } from './float-access.js'
import {
  findGrid,
  float32sOf,
  type GptqGridRowsParams,
  type Grid,
  gridCode,
  gridValue,
  int32sOf,
} from './gptq-grid.js'

export interface GptqRowsParams extends GptqGridRowsParams {
  readonly groups: number
}

/** Columns whose updates are collected before they reach the columns behind them; part of the algorithm. */
const BLOCK = 128

const { fround } = Math

/**
 * The column loop of GPTQ with lazy block updates, in float32.
 *
 * weight [rows, columns], factor float32 [columns, columns] (upper, by position), order and groupOf int32 [columns]
 * (column and group of each position), dead uint8 [columns], and optionally scales float32 and zero points uint8 [rows,
 * groups] that are then kept -> codes uint8 [rows, columns] in the original order, scales, zero points, and losses
 * float64 [rows], ½ Σ ((w − w') / U_cc)².
 *
 * A group takes its parameters from the weights as they are at the start of the block in which it begins.
 */
export function gptqRows(
  params: GptqRowsParams,
  [weight, factor, order, groupOf, dead, givenScales, givenZeros]: readonly Uint8Array[],
  [codes, scales, zeros, losses]: readonly Uint8Array[],
): KernelResult {
  const { dtype, rows, columns, groups, groupSize, bits } = params
  const read = floatReader(dtype, weight!)
  const u = float32sOf(factor!)
  const columnAt = int32sOf(order!)
  const groupAt = int32sOf(groupOf!)
  const scaleView = viewOf(scales!)
  if (givenScales !== undefined) scales!.set(givenScales)
  if (givenZeros !== undefined) zeros!.set(givenZeros)
  for (let row = 0; row < rows; row++) {
    const w = Float32Array.from(columnAt, (column) => (dead![column] ? 0 : read(row * columns + column)))
    const gridAt = (group: number): Grid => ({
      scale: scaleView.getFloat32((row * groups + group) * 4, true),
      zero: zeros![row * groups + group]!,
    })
    let loss = 0
    for (let first = 0; first < columns; first += BLOCK) {
      const end = Math.min(first + BLOCK, columns)
      if (givenScales === undefined) {
        for (let p = Math.ceil(first / groupSize) * groupSize; p < end; p += groupSize) {
          const { scale, zero } = findGrid(w.subarray(p, p + groupSize), params)
          scaleView.setFloat32((row * groups + groupAt[p]!) * 4, scale, true)
          zeros![row * groups + groupAt[p]!] = zero
        }
      }
      const errors = new Float32Array(end - first)
      let blockLoss = 0
      for (let p = first; p < end; p++) {
        const grid = gridAt(groupAt[p]!)
        const code = gridCode(w[p]!, grid, bits)
        codes![row * columns + columnAt[p]!] = code
        const error = fround(fround(w[p]! - gridValue(code, grid)) / u[p * columns + p]!)
        errors[p - first] = error
        blockLoss += error * error
        for (let j = p + 1; j < end; j++) w[j] = w[j]! - fround(error * u[p * columns + j]!)
      }
      for (let j = end; j < columns; j++) {
        let sum = 0
        for (let i = first; i < end; i++) sum = fround(sum + fround(errors[i - first]! * u[i * columns + j]!))
        w[j] = w[j]! - sum
      }
      loss += blockLoss / 2
    }
    viewOf(losses!).setFloat64(row * 8, loss, true)
  }
  return ALL_FINITE
}
