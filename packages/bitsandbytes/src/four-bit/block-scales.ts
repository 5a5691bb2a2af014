import type { FloatDtype, PartBytes, WeightInfo } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { ABS_MAX, type FourBitLayout, NESTED_ABS_MAX, NESTED_QUANT_MAP, stateKey } from './layout.js'
import { floatsOf, unnestScales } from './nested-scales.js'
import { readQuantState } from './quant-state.js'

/** Components that `blockScales` reads. */
export const scaleParts = ({ scales, quantType }: FourBitLayout): readonly string[] =>
  scales === 'nested' ? [ABS_MAX, NESTED_ABS_MAX, NESTED_QUANT_MAP, stateKey(quantType)] : [ABS_MAX]

/**
 * The float32 scales of blocks `first` to `first + count`.
 *
 * @param parts nested and transposed scales entire; plain ones from block `first` on.
 */
export function blockScales(
  parts: PartBytes,
  layout: FourBitLayout,
  weight: WeightInfo,
  first: number,
  count: number,
): Float32Array {
  if (layout.scales === 'nested') {
    const state = readQuantState(
      parts(stateKey(layout.quantType)),
      `${weight.path}.${stateKey(layout.quantType)}`,
    )
    const absMax = floatsOf(parts(NESTED_ABS_MAX))
    const nested = { codes: parts(ABS_MAX), absMax, offset: state.nestedOffset! }
    return unnestScales(nested, floatsOf(parts(NESTED_QUANT_MAP)), first, count)
  }
  const scales = widenFloats(parts(ABS_MAX), layout.scaleDtype as FloatDtype)
  return layout.scales === 'plain'
    ? scales
    : transposed(scales, weight, layout.blockSize).subarray(first, first + count)
}

/** [inFeatures / blockSize, outFeatures] -> the order of the blocks. */
function transposed(
  scales: Float32Array,
  { inFeatures, outFeatures }: WeightInfo,
  blockSize: number,
): Float32Array {
  const perRow = inFeatures / blockSize
  return scales.map((_, i) => scales[(i % perRow) * outFeatures + Math.floor(i / perRow)]!)
}
