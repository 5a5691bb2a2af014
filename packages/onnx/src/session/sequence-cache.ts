import type { CacheShape } from './protocol.js'

/**
 * The keys and values of one sequence, owned by JavaScript: the runtime reads them as inputs, which it does not copy,
 * and returns only the rows of new tokens, which are written here. Per layer `keys` and `values` are
 * [1, heads, capacity, headSize].
 */
export interface SequenceCache {
  readonly length: number
  readonly capacity: number
  readonly keys: readonly Float32Array[]
  readonly values: readonly Float32Array[]
  /** Makes room for `count` more positions. */
  reserve(count: number): void
  /** Writes rows [count, heads * headSize] of one layer behind the present length. */
  write(layer: number, keys: Float32Array, values: Float32Array, count: number): void
  /** Counts the rows written as part of the sequence. */
  advance(count: number): void
}

/** The runtime's work grows with the capacity, not with the length, so capacity follows the length in small steps. */
const STEP = 256

export function createSequenceCache({ layers, heads, headSize }: CacheShape): SequenceCache {
  let length = 0
  let capacity = 0
  let keys = emptyLayers(layers)
  let values = emptyLayers(layers)

  const grown = (arrays: Float32Array[], wider: number) =>
    arrays.map((array) => {
      const copy = new Float32Array(heads * wider * headSize)
      for (let head = 0; head < heads; head++) {
        const from = head * capacity * headSize
        copy.set(array.subarray(from, from + length * headSize), head * wider * headSize)
      }
      return copy
    })

  const scatter = (array: Float32Array, rows: Float32Array, count: number) => {
    for (let row = 0; row < count; row++) {
      for (let head = 0; head < heads; head++) {
        const from = (row * heads + head) * headSize
        array.set(rows.subarray(from, from + headSize), (head * capacity + length + row) * headSize)
      }
    }
  }

  return {
    get length() {
      return length
    },
    get capacity() {
      return capacity
    },
    get keys() {
      return keys
    },
    get values() {
      return values
    },
    reserve(count) {
      if (length + count <= capacity) return
      const wider = Math.ceil((length + count) / STEP) * STEP
      keys = grown(keys, wider)
      values = grown(values, wider)
      capacity = wider
    },
    write(layer, newKeys, newValues, count) {
      scatter(keys[layer]!, newKeys, count)
      scatter(values[layer]!, newValues, count)
    },
    advance(count) {
      length += count
    },
  }
}

const emptyLayers = (layers: number): Float32Array[] =>
  Array.from({ length: layers }, () => new Float32Array(0))
