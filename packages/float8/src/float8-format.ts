import { FLOAT8_VALUES, float8Product, type QuantizedFormat, readCodeRow } from '@hfquant/core'
import { type Float8Layout, readScales, WEIGHT } from './layout.js'

/** w' = code · scale of its block, rounded to float32. */
export function float8Format(
  layout: Float8Layout,
  { inFeatures }: { readonly inFeatures: number },
): QuantizedFormat {
  const { codeDtype, scaleKey, scaleDtype, components } = layout
  const [blockRows, blockColumns] = layout.block
  const perRow = Math.ceil(inFeatures / blockColumns)
  return {
    name: `${codeDtype.replace('_', ' ')} ${extentOf(layout, inFeatures)}`,
    components: () => components,
    dequantize(stored, out, { path }) {
      const codes = stored.bytes(WEIGHT)
      const scales = readScales(stored.bytes(scaleKey), scaleDtype)
      for (let row = 0; row < out.count; row++) {
        const values = out.at(row)
        const place = { tensor: `${path}.${WEIGHT}`, row: out.first + row }
        readCodeRow(codes.subarray(row * inFeatures), FLOAT8_VALUES[codeDtype], values, place)
        const firstScale = Math.floor((out.first + row) / blockRows) * perRow
        for (let column = 0; column < inFeatures; column++) {
          values[column] = values[column]! * scales[firstScale + Math.floor(column / blockColumns)]!
        }
      }
    },
    lower: (graph, layer) =>
      float8Product(graph, layer, {
        ...{ key: WEIGHT, dtype: codeDtype, block: layout.block },
        scales: async () => readScales(await layer.read(scaleKey), scaleDtype),
      }),
  }
}

function extentOf({ block: [rows, columns] }: Float8Layout, inFeatures: number): string {
  if (columns < inFeatures) return `in blocks of ${rows} x ${columns}`
  return rows === 1 ? 'per row' : Number.isFinite(rows) ? `in blocks of ${rows} rows` : 'for the whole weight'
}
