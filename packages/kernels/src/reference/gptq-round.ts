import type { KernelResult } from '../kernel.js'
import { cast } from './cast.js'
import { floatReader, floatWriter } from './float-access.js'
import { type FloatDtype, floatBytes } from './float-formats.js'
import { type GptqGridRowsParams, gptqGrid } from './gptq-grid.js'
import { packColumns } from './gptq-pack.js'

export interface GptqRoundParams extends GptqGridRowsParams {
  /** Dtype of the weight as it is passed; it is rounded to `dtype` first. */
  readonly from: FloatDtype
  /** Dtype that scales are rounded to when they are stored; codes are computed with the unrounded ones. */
  readonly scaleDtype: FloatDtype
}

/**
 * Round to nearest as a checkpoint stores it, with the rows of the weight in columns: weight [rows, columns] -> words int32
 * [ceil(columns * bits / 32), rows] as of `packColumns`, scales of scaleDtype and zero points uint8
 * [ceil(columns / groupSize), rows]. Grids, codes and what is counted are those of `gptqGrid`.
 */
export function gptqRound(
  params: GptqRoundParams,
  weight: readonly Uint8Array[],
  [words, scales, zeros]: readonly Uint8Array[],
): KernelResult {
  const { from, dtype, rows, columns, groupSize, bits, scaleDtype } = params
  const groups = Math.ceil(columns / groupSize)
  const codes = new Uint8Array(rows * columns)
  const rowScales = new Uint8Array(rows * groups * 4)
  const rowZeros = new Uint8Array(rows * groups)
  const rounded = new Uint8Array(rows * columns * floatBytes(dtype))
  cast({ from, to: dtype }, weight, [rounded])
  const result = gptqGrid(params, [rounded], [codes, rowScales, rowZeros])
  packColumns({ bits, rows, columns }, [codes], [words!])
  const scaleAt = floatReader('float32', rowScales)
  const writeScale = floatWriter(scaleDtype, scales!)
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++) {
      writeScale(group * rows + row, scaleAt(row * groups + group))
      zeros![group * rows + row] = rowZeros[row * groups + group]!
    }
  }
  return result
}
