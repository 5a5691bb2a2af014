import { allocateParts, type PackedParts } from '@hfquant/calibrate'
import { channelOrder, type WaitingWeight } from '@hfquant/core'
import { encodeWeight, type QuantizedRows } from '../format/encode.js'
import { type GptqFormat, gptqFormat } from '../format/gptq-format.js'
import { int32s } from '../format/int32s.js'
import type { GptqLayout } from '../format/layout.js'

export function packParts(
  weight: Pick<WaitingWeight, 'info' | 'format'>,
  quantized: QuantizedRows,
  layout: GptqLayout,
): PackedParts {
  const parts = allocateParts(weight)
  const bytes = (key: string) => parts.get(key)!
  encodeWeight(quantized, { bytes, int32: (key) => int32s(bytes(key)) }, weight.info, layout)
  return parts
}

/** How packed tensors are read: with the order in which scattered groups become runs. */
export function packedFormat(layout: GptqLayout, parts: PackedParts): GptqFormat {
  const groupOf = int32s(parts.get('g_idx')!)
  return gptqFormat({ layout: { ...layout, order: channelOrder(groupOf, layout.groupSize) } })
}
