import type { ComponentRows, FloatRows } from '../contract/format.js'

/** Typed views of the bytes of some components. */
export function componentRows(bytesOf: ReadonlyMap<string, Uint8Array>): ComponentRows {
  const find = (key: string): Uint8Array => {
    const bytes = bytesOf.get(key)
    if (bytes === undefined)
      throw new TypeError(`there is no component "${key}", only ${[...bytesOf.keys()].join(', ')}`)
    return bytes
  }
  return {
    bytes: find,
    uint8: find,
    int8: (key) => view(Int8Array, find(key)),
    int32: (key) => view(Int32Array, find(key)),
    float32: (key) => view(Float32Array, find(key)),
    uint16: (key) => view(Uint16Array, find(key)),
  }
}

/** Rows laid out one behind the other in `values` [count, columns]. */
export function floatRows(values: Float32Array, columns: number, first: number): FloatRows {
  return {
    first,
    count: columns === 0 ? 0 : values.length / columns,
    at: (row) => values.subarray(row * columns, (row + 1) * columns),
  }
}

interface ViewConstructor<T> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

const view = <T>(type: ViewConstructor<T>, bytes: Uint8Array): T =>
  new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT)
