import type { Component, QuantizedFormat } from '@hfquant/core'
import { lowerHqq } from '../lower/lower-hqq.js'
import type { HqqLayout } from './layout.js'
import { dequantize, readCodes, readParameters } from './stored-parts.js'

/** A format of this package, which can be asked for its layout. */
export interface HqqFormat extends QuantizedFormat {
  readonly hqqLayout: HqqLayout
}

/** What formats that are loaded and formats that are made have in common. */
export function hqqFormat(
  layout: HqqLayout,
  components: readonly Component[],
  warnings: readonly string[] = [],
): HqqFormat {
  const { packing, groupSize, axis } = layout
  return {
    name: `hqq ${packing.name} per group of ${groupSize}${axis === 0 ? ', across the rows' : ''}`,
    warnings,
    hqqLayout: layout,
    components: () => components,
    dequantize(stored, out, { inFeatures }) {
      const parameters = readParameters((key) => stored.bytes(key), layout)
      const codes = new Uint8Array(inFeatures)
      for (let row = 0; row < out.count; row++) {
        const first = (out.first + row) * inFeatures
        readCodes(stored.bytes('W_q'), layout, first, codes)
        dequantize(codes, parameters, layout, first, out.at(row))
      }
    },
    lower: (graph, layer) => lowerHqq(graph, layer, layout),
  }
}
