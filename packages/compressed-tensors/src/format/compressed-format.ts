import type { ComponentRows, FloatRows, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { lowerWeight } from '../lower/lower-weight.js'
import { codesKey, gridColumns, SCALE, type WeightLayout, ZERO_POINT } from './layout.js'
import { rowReader } from './read-codes.js'
import { readScales } from './read-scales.js'
import { readZeros } from './read-zeros.js'

/** w' = (code − zero point) · scale of its region, rounded to float32. */
export const compressedFormat = (layout: WeightLayout, weight: WeightInfo): QuantizedFormat => ({
  name: `${nameOf(layout.codes)} ${extentOf(layout, weight)}`,
  components: () => layout.components,
  dequantize: (stored, out) => dequantize(stored, out, weight, layout),
  lower: (graph, layer) => lowerWeight(graph, layer, layout),
})

function dequantize(
  stored: ComponentRows,
  out: FloatRows,
  { path, inFeatures, outFeatures }: WeightInfo,
  layout: WeightLayout,
): void {
  const [blockRows, blockColumns] = layout.block
  const perRow = gridColumns(layout, inFeatures)
  const scales = readScales(layout.scales, (key) => stored.bytes(key))
  const zeros = readZeros(layout, { outFeatures, groups: perRow }, () => stored.bytes(ZERO_POINT))
  const read = rowReader({
    ...{ codes: layout.codes, path, inFeatures, first: out.first },
    bytes: stored.bytes(codesKey(layout)),
  })
  const groupOf =
    layout.groupOf ??
    Int32Array.from({ length: inFeatures }, (_, column) => Math.floor(column / blockColumns))
  /** Where the regions of a row begin in a component that is given whole, or by the same rows. */
  const placeIn = (key: string) => {
    const isCut = layout.components.find((component) => component.key === key)?.layout === 'rows'
    const start = isCut ? 0 : out.first
    return (row: number) => Math.floor((start + row) / blockRows) * perRow
  }
  const [scalePlace, zeroPlace] = [placeIn(SCALE), placeIn(ZERO_POINT)]
  for (let row = 0; row < out.count; row++) {
    const values = out.at(row)
    const [firstScale, firstZero] = [scalePlace(row), zeroPlace(row)]
    read(row, values)
    for (let column = 0; column < inFeatures; column++) {
      const group = groupOf[column]!
      const zero = zeros === undefined ? 0 : zeros[firstZero + group]!
      values[column] = (values[column]! - zero) * scales[firstScale + group]!
    }
  }
}

function nameOf(codes: WeightLayout['codes']): string {
  switch (codes.kind) {
    case 'e4m3':
      return 'float8 e4m3fn'
    case 'e2m1':
      return 'float4 e2m1fn'
    default:
      return `int${codes.bits}`
  }
}

function extentOf({ block: [rows, columns] }: WeightLayout, { inFeatures }: WeightInfo): string {
  if (rows === 1) return columns < inFeatures ? `per group of ${columns}` : 'per row'
  return Number.isFinite(rows) ? `in blocks of ${rows} x ${columns}` : 'for the whole weight'
}
