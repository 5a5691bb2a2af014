import { float32ToFloat16, type QuantizedFormat, type WeightInfo } from '@hfquant/core'
import { awqFormat } from './awq-format.js'
import { codeOf, findGrid } from './grid.js'
import { type AwqLayout, CODES_IN_WORD, groupCount } from './layout.js'
import { packGemm } from './pack-gemm.js'

/** How weights are rounded. */
export interface RoundingRules {
  /** Columns that share a scale; -1: all of a row. */
  readonly groupSize: number
  /** See `findGrid`. */
  readonly reference: boolean
}

/** The format of a weight that is quantized here: gemm, with float16 scales. */
export function madeFormat(
  { outFeatures: rows, inFeatures: columns }: WeightInfo,
  { groupSize: size, reference }: RoundingRules,
): QuantizedFormat {
  const groupSize = size === -1 ? columns : size
  const groups = groupCount(columns, groupSize)
  const layout: AwqLayout = {
    ...{ arrangement: 'gemm', groupSize, scaleDtype: 'float16', zeroKey: 'qzeros' },
    ...{ symmetric: false, hasFractions: false },
  }
  const words = rows / CODES_IN_WORD
  const format = awqFormat({
    layout,
    components: [
      { key: 'qweight', dtype: 'int32', shape: [columns, words], layout: 'columns' },
      { key: 'qzeros', dtype: 'int32', shape: [groups, words], layout: 'columns' },
      { key: 'scales', dtype: 'float16', shape: [groups, rows], layout: 'columns' },
    ],
  })
  return {
    ...format,
    rowsPerStep: CODES_IN_WORD,
    quantize(values, out) {
      const { count } = values
      const [codes, zeros] = [new Uint8Array(count * columns), new Uint8Array(count * groups)]
      const scales = out.uint16('scales')
      for (let row = 0; row < count; row++) {
        const line = values.at(row)
        for (let group = 0; group < groups; group++) {
          const [first, end] = [group * groupSize, (group + 1) * groupSize]
          const grid = findGrid(line.subarray(first, end), reference)
          zeros[row * groups + group] = grid.zero
          scales[group * count + row] = float32ToFloat16(grid.scale)
          for (let column = first; column < end; column++) {
            codes[row * columns + column] = codeOf(line[column]!, grid)
          }
        }
      }
      packGemm(codes, count, out.int32('qweight'))
      packGemm(zeros, count, out.int32('qzeros'))
    },
  }
}
