import { roundHalfToEven } from '@hfquant/kernels'
import type { QuantizedFormat } from '../contract/format.js'
import { skip } from '../contract/skip.js'
import { defineQuantizer } from '../dispatch/define-quantizer.js'
import { readInteger, readStrings } from '../json/read-field.js'

export interface RowInt8Config {
  readonly keepInFloat: readonly string[] | undefined
  readonly levels: number
}

/** A method of a few lines, as a plug-in author would write it: one scale per row, and no kernel of its own. */
const format = (levels: number): QuantizedFormat => ({
  name: 'int8 per row',
  components: ({ outFeatures, inFeatures }) => [
    { key: 'weight', dtype: 'int8', shape: [outFeatures, inFeatures] },
    { key: 'weight_scale', dtype: 'float32', shape: [outFeatures] },
  ],
  quantize(rows, out) {
    const codes = out.int8('weight')
    const scales = out.float32('weight_scale')
    for (let row = 0; row < rows.count; row++) {
      const values = rows.at(row)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const scale = largest === 0 ? 1 : Math.fround(largest / levels)
      scales[row] = scale
      for (let column = 0; column < values.length; column++) {
        codes[row * values.length + column] = roundHalfToEven(values[column]! / scale)
      }
    }
  },
  dequantize(stored, out) {
    const codes = stored.int8('weight')
    const scales = stored.float32('weight_scale')
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      for (let column = 0; column < values.length; column++) {
        values[column] = codes[row * values.length + column]! * scales[row]!
      }
    }
  },
})

export const rowInt8 = defineQuantizer<RowInt8Config>({
  specVersion: 2,
  quantMethod: 'row_int8',
  config: {
    loading: ['backend'],
    parse: (json) => ({
      keepInFloat: readStrings(json, 'modules_to_not_convert', undefined),
      levels: readInteger(json, 'levels', 127),
    }),
    format: ({ keepInFloat, levels }) => ({ modules_to_not_convert: keepInFloat ?? null, levels }),
  },
  select: (config) => ({
    keep: config.keepInFloat,
    record: ({ kept }) => ({ ...config, keepInFloat: kept }),
  }),
  formatFor: (weight, config) =>
    weight.inFeatures % 2 === 0 ? format(config.levels) : skip('has an odd number of input features'),
})
