import {
  type Component,
  type ComponentRows,
  type FloatRows,
  type QuantizedFormat,
  tensorBytes,
  type WeightInfo,
} from '@hfquant/core'

/** The components of a whole weight in memory, and what its format needs besides while quantizing, by key. */
export type WeightParts = ReadonlyMap<string, Uint8Array>

/** Room for the parts of a weight, each in a buffer of its own. */
export const allocateParts = (format: QuantizedFormat, weight: WeightInfo): Map<string, Uint8Array> =>
  new Map(
    partsOf(format, weight).map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]),
  )

const partsOf = (format: QuantizedFormat, weight: WeightInfo): readonly Component[] => [
  ...format.components(weight),
  ...(format.scratch?.(weight) ?? []),
]

/** The parts as a format reads and writes them. */
export function componentRows(parts: WeightParts): ComponentRows {
  const bytes = (key: string) => parts.get(key)!
  const buffer = (key: string) => bytes(key).buffer as ArrayBuffer
  return {
    bytes,
    uint8: bytes,
    int8: (key) => new Int8Array(buffer(key)),
    int32: (key) => new Int32Array(buffer(key)),
    float32: (key) => new Float32Array(buffer(key)),
    uint16: (key) => new Uint16Array(buffer(key)),
  }
}

/** All rows of `values` [rows, columns]. */
export const floatRows = (values: Float32Array, columns: number): FloatRows => ({
  first: 0,
  count: values.length / columns,
  at: (row) => values.subarray(row * columns, (row + 1) * columns),
})
