import type { ByteRange } from '@hfquant/kernels'
import type { Component, WeightInfo } from '../contract/format.js'
import { tensorBytes } from '../shell/dtype.js'
import { subRange } from './byte-range.js'

/** Whether the rows of a weight are consecutive bytes of a component. */
export const isCutInRows = ({ layout = 'rows' }: Pick<Component, 'layout'>): boolean => layout === 'rows'

/** Where the part of a component lies that belongs to the rows `first` to `end` - 1; `place` is where all of it does. */
export function componentRange(
  place: ByteRange,
  { dtype, shape, layout }: Component,
  { outFeatures }: WeightInfo,
  [first, end]: readonly [first: number, end: number],
): ByteRange {
  if (layout === 'whole') return place
  const lineBytes = tensorBytes(dtype, layout === 'columns' ? shape.slice(-1) : shape)
  const start = (lineBytes * first) / outFeatures
  const pieceBytes = (lineBytes * end) / outFeatures - start
  if (layout !== 'columns') return subRange(place, start, pieceBytes)
  const byteLength = (place.byteLength / lineBytes) * pieceBytes
  return { ...subRange(place, start, byteLength), spacing: { pieceBytes, strideBytes: lineBytes } }
}
