import { type QuantizedFormat, toE4m3, type WeightInfo } from '@hfquant/core'
import { float8Format } from './float8-format.js'
import { WEIGHT } from './layout.js'

export const SCALE = 'weight_scale_inv'

/** The largest number of E4M3. */
const LARGEST = 448
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127

/** A weight that is quantized while it loads, in blocks of [rows, columns], to the bytes of transformers. */
export function madeFormat(weight: WeightInfo, block: readonly [number, number]): QuantizedFormat {
  const { outFeatures, inFeatures } = weight
  const [rows, columns] = block
  const perRow = Math.ceil(inFeatures / columns)
  const format = float8Format(
    {
      ...{ codeDtype: 'float8_e4m3fn', block, scaleKey: SCALE, scaleDtype: 'float32' },
      components: [
        { key: WEIGHT, dtype: 'float8_e4m3fn', shape: [outFeatures, inFeatures] },
        // A row of scales is one of several rows of the weight.
        { key: SCALE, dtype: 'float32', shape: [Math.ceil(outFeatures / rows), perRow], layout: 'whole' },
      ],
    },
    weight,
  )
  return {
    ...format,
    rowsPerStep: rows,
    quantize(values, out) {
      const [codes, scales] = [out.bytes(WEIGHT), out.float32(SCALE)]
      for (let top = 0; top < values.count; top += rows) {
        const bottom = Math.min(top + rows, values.count)
        for (let left = 0; left < inFeatures; left += columns) {
          const right = Math.min(left + columns, inFeatures)
          let largest = 0
          for (let row = top; row < bottom; row++) {
            const line = values.at(row)
            for (let column = left; column < right; column++)
              largest = Math.max(largest, Math.abs(line[column]!))
          }
          // Of numbers that are almost 0 the quotient is larger than a float32 can be, and its inverse would be no scale.
          const factor = largest === 0 ? 1 : Math.min(Math.fround(LARGEST / largest), LARGEST_FLOAT32)
          scales[((values.first + top) / rows) * perRow + left / columns] = 1 / factor
          for (let row = top; row < bottom; row++) {
            const line = values.at(row)
            for (let column = left; column < right; column++)
              codes[row * inFeatures + column] = toE4m3(Math.fround(line[column]! * factor))
          }
        }
      }
    },
  }
}
