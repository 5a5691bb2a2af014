import type { QuantizedFormat, WeightInfo } from '@hfquant/core'
import { type GemmOptions, gemmFormat, packRows } from './gemm-format.js'
import { codeOf, findGrid } from './grid.js'
import { CODES_IN_WORD, groupCount } from './layout.js'

/** How weights are rounded. */
export interface RoundingRules {
  /** Columns that share a scale; -1: all of a row. */
  readonly groupSize: number
  /** See `findGrid`. */
  readonly reference: boolean
}

type MadeRules = RoundingRules & Pick<GemmOptions, 'scalesActivation'>

/** The format of a weight that is quantized here: gemm, with float16 scales. */
export function madeFormat(
  weight: WeightInfo,
  { groupSize: size, reference, scalesActivation }: MadeRules,
): QuantizedFormat {
  const columns = weight.inFeatures
  const groupSize = size === -1 ? columns : size
  const groups = groupCount(columns, groupSize)
  const tensors = { scaleDtype: 'float16', scalesActivation } as const
  return {
    ...gemmFormat(weight, { ...tensors, groupSize }),
    rowsPerStep: CODES_IN_WORD,
    quantize(values, out) {
      const { count } = values
      const [codes, zeros] = [new Uint8Array(count * columns), new Uint8Array(count * groups)]
      const scales = new Float32Array(count * groups)
      for (let row = 0; row < count; row++) {
        const line = values.at(row)
        for (let group = 0; group < groups; group++) {
          const [first, end] = [group * groupSize, (group + 1) * groupSize]
          const grid = findGrid(line.subarray(first, end), reference)
          zeros[row * groups + group] = grid.zero
          scales[row * groups + group] = grid.scale
          for (let column = first; column < end; column++) {
            codes[row * columns + column] = codeOf(line[column]!, grid)
          }
        }
      }
      packRows({ codes, scales, zeros }, count, out, tensors)
    },
  }
}
