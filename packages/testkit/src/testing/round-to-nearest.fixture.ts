import {
  defineQuantizer,
  type QuantizedFormat,
  type QuantizerDefinition,
  readInteger,
  readStrings,
  roundHalfToEven,
} from '@hfquant/core'

export interface RoundToNearestConfig {
  /** Largest code; 127 uses all of int8. */
  readonly levels: number
  /** Modules that stay in float; undefined: the default ones alone. */
  readonly keepInFloat: readonly string[] | undefined
}

/** value ≈ code · scale, with one scale and one offset per output row. */
export const roundToNearestFormat = (levels: number): QuantizedFormat => ({
  name: `int8 per row, ${levels} levels`,
  components: ({ outFeatures, inFeatures }) => [
    { key: 'weight', dtype: 'int8', shape: [outFeatures, inFeatures] },
    { key: 'weight_scale', dtype: 'float32', shape: [outFeatures] },
    { key: 'weight_offset', dtype: 'float32', shape: [outFeatures] },
  ],
  quantize(rows, out) {
    const codes = out.int8('weight')
    const scales = out.float32('weight_scale')
    const offsets = out.float32('weight_offset')
    for (let row = 0; row < rows.count; row++) {
      const values = rows.at(row)
      const least = values.reduce((a, b) => Math.min(a, b))
      const most = values.reduce((a, b) => Math.max(a, b))
      const offset = Math.fround((most + least) / 2)
      const reach = Math.max(most - offset, offset - least)
      const scale = Math.fround(reach / levels) || 1
      scales[row] = scale
      offsets[row] = offset
      for (let column = 0; column < values.length; column++) {
        codes[row * values.length + column] = roundHalfToEven((values[column]! - offset) / scale)
      }
    }
  },
  dequantize(stored, out) {
    const codes = stored.int8('weight')
    const scales = stored.float32('weight_scale')
    const offsets = stored.float32('weight_offset')
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      for (let column = 0; column < values.length; column++) {
        values[column] = codes[row * values.length + column]! * scales[row]! + offsets[row]!
      }
    }
  },
})

export const roundToNearestDefinition: QuantizerDefinition<RoundToNearestConfig> = {
  specVersion: 2,
  quantMethod: 'round_to_nearest',
  config: {
    parse: (json) => ({
      levels: readInteger(json, 'levels', 127),
      keepInFloat: readStrings(json, 'modules_to_not_convert', undefined),
    }),
    format: ({ levels, keepInFloat }) => ({ levels, modules_to_not_convert: keepInFloat ?? null }),
  },
  select: (config) => ({
    keep: config.keepInFloat,
    record: ({ kept }) => ({ ...config, keepInFloat: kept }),
  }),
  formatFor: (_weight, { levels }) => roundToNearestFormat(levels),
}

/** The smallest method that does all that is asked of one. */
export const roundToNearest = defineQuantizer(roundToNearestDefinition)
