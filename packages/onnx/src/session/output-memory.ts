import type { TensorRecord } from './protocol.js'

/**
 * Memory of outputs that have been read, for those of later runs: the system clears pages that are new for every run, which
 * takes longer than to read what is in them.
 */
export interface OutputMemory {
  /** Tensors [rows, width] for those outputs whose memory is at hand and large enough. They are given away. */
  take(outputs: readonly string[], rows: number): TensorRecord
  /** Takes outputs [rows, width] that nobody reads any more. */
  keep(tensors: TensorRecord): void
}

/** Of an output that is kept. Larger ones, such as logits of a vocabulary, are rare, and memory is a feature. */
const MOST_BYTES = 4 * 2 ** 20

export function createOutputMemory(): OutputMemory {
  const kept = new Map<string, { readonly buffer: ArrayBuffer; readonly width: number }>()
  return {
    take(outputs, rows) {
      const taken: [string, TensorRecord[string]][] = []
      for (const name of outputs) {
        const memory = kept.get(name)
        if (memory === undefined || 4 * rows * memory.width > memory.buffer.byteLength) continue
        kept.delete(name)
        const data = new Float32Array(memory.buffer, 0, rows * memory.width)
        taken.push([name, { dtype: 'float32', shape: [rows, memory.width], data }])
      }
      return Object.fromEntries(taken)
    },
    keep(tensors) {
      for (const [name, { shape, data }] of Object.entries(tensors)) {
        const buffer = data.buffer as ArrayBuffer
        const before = kept.get(name)?.buffer.byteLength ?? 0
        if (buffer.byteLength > before && buffer.byteLength <= MOST_BYTES)
          kept.set(name, { buffer, width: shape[1]! })
      }
    },
  }
}
