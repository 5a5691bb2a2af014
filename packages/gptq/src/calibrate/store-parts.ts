import {
  type ComponentRows,
  type QuantizedModule,
  storageRange,
  tensorBytes,
  writeRange,
} from '@hfquant/core'
import { encodeWeight, type QuantizedRows } from '../format/encode.js'
import { isPlain, runOrder } from '../format/group-index.js'
import { int32s } from '../format/int32s.js'
import type { GptqLayout } from '../format/layout.js'

/** Packed tensors of a module by component. */
export type PackedParts = ReadonlyMap<string, Uint8Array>

export function packParts(
  module: QuantizedModule,
  quantized: QuantizedRows,
  layout: GptqLayout,
): PackedParts {
  const parts = new Map(
    module.components.map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]),
  )
  encodeWeight(quantized, rowsOf(parts), module.info, layout)
  return parts
}

/** The layout with the order in which scattered groups become runs. */
export const settledLayout = (layout: GptqLayout, groupOf: Int32Array): GptqLayout => ({
  ...layout,
  order: isPlain(groupOf, layout.groupSize) ? undefined : (runOrder(groupOf, layout.groupSize) ?? null),
})

/** Writes packed tensors where the model keeps them. */
export async function storeParts(module: QuantizedModule, parts: PackedParts): Promise<void> {
  for (const [key, bytes] of parts) await writeRange(storageRange(module.component(key)).range, bytes)
}

const rowsOf = (parts: PackedParts): Pick<ComponentRows, 'bytes' | 'int32'> => ({
  bytes: (key) => parts.get(key)!,
  int32: (key) => int32s(parts.get(key)!),
})
