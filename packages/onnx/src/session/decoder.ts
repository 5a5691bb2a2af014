import { InferenceSession, Tensor } from 'onnxruntime-node'
import { DECODER } from './decoder-ports.js'
import type { CacheShape } from './protocol.js'
import { createSequenceCache, type SequenceCache } from './sequence-cache.js'

/** A decoder graph in a session of this thread, and the sequences that it is working on. */
export interface Decoder {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. Nothing is cached. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** Appends tokens to a sequence, a new one if the number is unknown, and returns the logits after the last. */
  append(sequence: number, ids: Int32Array): Promise<Float32Array>
  free(sequence: number): void
  close(): Promise<void>
}

export async function openDecoder(modelPath: string, shape: CacheShape, threads: number): Promise<Decoder> {
  const session = await InferenceSession.create(modelPath, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  const sequences = new Map<number, SequenceCache>()
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer)
  const cacheOutputs = layers.flatMap((layer) => [DECODER.newKey(layer), DECODER.newValue(layer)])
  const outputs = [DECODER.logits, ...cacheOutputs]

  const run = async (
    ids: Int32Array,
    batch: number,
    rows: readonly number[],
    past: Past,
    wanted: readonly string[],
  ) => {
    const count = ids.length / batch
    const total = past.length + count
    const cached = [batch, shape.heads, past.capacity, shape.headSize]
    const feeds: Record<string, Tensor> = {
      [DECODER.inputIds]: int64(ids, [batch, count]),
      [DECODER.positionIds]: int64(
        Array.from(ids, (_, index) => past.length + (index % count)),
        [batch, count],
      ),
      [DECODER.lastPosition]: new Tensor('int32', new Int32Array(batch).fill(total - 1), [batch]),
      [DECODER.totalLength]: new Tensor('int32', Int32Array.of(total), []),
      [DECODER.logitsRows]: int64(rows, [rows.length]),
    }
    for (const layer of layers) {
      feeds[DECODER.pastKey(layer)] = new Tensor('float32', past.keys[layer]!, cached)
      feeds[DECODER.pastValue(layer)] = new Tensor('float32', past.values[layer]!, cached)
    }
    return session.run(feeds, wanted)
  }

  return {
    async forward(ids, batch) {
      const count = ids.length / batch
      const every = Array.from({ length: count }, (_, row) => row)
      const result = await run(ids, batch, every, emptyPast(shape.layers), [DECODER.logits])
      return floats(result[DECODER.logits])
    },
    async append(sequence, ids) {
      const cache = sequences.get(sequence) ?? createSequenceCache(shape)
      sequences.set(sequence, cache)
      const result = await run(ids, 1, [ids.length - 1], cache, outputs)
      cache.reserve(ids.length)
      for (const layer of layers) {
        const keys = floats(result[DECODER.newKey(layer)])
        cache.write(layer, keys, floats(result[DECODER.newValue(layer)]), ids.length)
      }
      cache.advance(ids.length)
      return floats(result[DECODER.logits])
    },
    free: (sequence) => void sequences.delete(sequence),
    close: async () => {
      sequences.clear()
      await session.release()
    },
  }
}

type Past = Pick<SequenceCache, 'length' | 'capacity' | 'keys' | 'values'>

const emptyPast = (layers: number): Past => {
  const none = Array.from({ length: layers }, () => new Float32Array(0))
  return { length: 0, capacity: 0, keys: none, values: none }
}

const int64 = (values: ArrayLike<number>, shape: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(Array.from(values), BigInt), [...shape])

const floats = (tensor: Tensor | undefined): Float32Array => tensor!.data as Float32Array
