import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type CacheArray, cacheElements, cacheTensor, newCacheArray } from './cache-array.js'
import { DECODER } from './decoder-ports.js'
import type { CacheShape } from './protocol.js'
import { type Batch, createSequences, type Sequence, type Sequences } from './sequences.js'
import { int64, type NewTokens, tokenLayout } from './token-layout.js'

/** A decoder graph in a session of this thread, and the sequences that it is working on. */
export interface Decoder {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. Nothing is cached. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** Appends tokens to one sequence; returns the logits after the last, [vocabulary]. */
  append(sequence: Sequence, ids: readonly number[]): Promise<Float32Array>
  /**
   * Appends one token to each of some sequences, in one run for as many of them as lie together.
   *
   * @returns the logits of those that were part of the run, the first one in any case: views of one array.
   */
  step(tokens: ReadonlyMap<Sequence, number>): Promise<ReadonlyMap<Sequence, Float32Array>>
  readonly sequences: Pick<Sequences, 'begin' | 'retire' | 'byteLength' | 'keptByteLength'>
  close(): Promise<void>
}

export interface OpenOptions {
  readonly threads: number
  /** True for a file that the runtime wrote itself: there is nothing left to optimize. */
  readonly optimized: boolean
}

export async function openDecoder(
  modelPath: string,
  shape: CacheShape,
  { threads, optimized }: OpenOptions,
): Promise<Decoder> {
  const session = await InferenceSession.create(modelPath, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: optimized ? 'disabled' : 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  const sequences = createSequences(shape)
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer)
  const nothing = newCacheArray(shape, 0)
  const newRows = layers.flatMap((layer) => [DECODER.newKey(layer), DECODER.newValue(layer)])

  const layout = tokenLayout(session.inputNames)

  const run = async (tokens: NewTokens, past: Batch | undefined, outputs: readonly string[]) => {
    const batch = tokens.lengths.length
    const count = tokens.ids.length / batch
    const positions = tokens.lengths.flatMap((length) =>
      Array.from({ length: count }, (_, at) => length + at),
    )
    const totals = tokens.lengths.map((length) => length + count)
    const feeds: Record<string, Tensor> = {
      ...layout.feeds(tokens),
      [DECODER.positionIds]: int64(positions, [batch, count]),
      [DECODER.lastPosition]: new Tensor(
        'int32',
        Int32Array.from(totals, (total) => total - 1),
        [batch],
      ),
      [DECODER.totalLength]: new Tensor('int32', Int32Array.of(Math.max(...totals)), []),
    }
    const capacity = past?.pool.capacity ?? 0
    const cached = [batch, shape.heads, capacity, shape.headSize]
    for (const layer of layers) {
      const keys = past?.pool.keys(layer, past.first, batch) ?? nothing
      const values = past?.pool.values(layer, past.first, batch) ?? nothing
      feeds[DECODER.pastKey(layer)] = cacheTensor(keys, cached)
      feeds[DECODER.pastValue(layer)] = cacheTensor(values, cached)
    }
    const result = await session.run(feeds, outputs)
    const logits = layout.logits(result[DECODER.logits]!.data as Float32Array, tokens)
    return { result, logits }
  }

  /** Appends `count` tokens to each sequence of a batch and keeps their keys and values. */
  const extend = async (batch: Batch, ids: readonly number[], count: number) => {
    const lengths = batch.sequences.map(({ length }) => length)
    const tokens = { ids, lengths, rows: [count - 1] }
    const { result, logits } = await run(tokens, batch, [DECODER.logits, ...newRows])
    const width = count * shape.heads * shape.headSize
    for (const layer of layers) {
      const keys = cacheElements(result[DECODER.newKey(layer)]!)
      const values = cacheElements(result[DECODER.newValue(layer)]!)
      for (const [index, length] of lengths.entries()) {
        const part = (rows: CacheArray) => rows.subarray(index * width, (index + 1) * width)
        batch.pool.write(layer, batch.first + index, length, {
          count,
          keys: part(keys),
          values: part(values),
        })
      }
    }
    for (const [index, sequence] of batch.sequences.entries()) {
      sequences.advance(sequence, ids.slice(index * count, (index + 1) * count))
    }
    return logits
  }

  return {
    sequences,
    async forward(ids, batch) {
      const count = ids.length / batch
      const rows = Array.from({ length: count }, (_, row) => row)
      const lengths = Array.from({ length: batch }, () => 0)
      return (await run({ ids, lengths, rows }, undefined, [DECODER.logits])).logits
    },
    append: (sequence, ids) => extend(sequences.single(sequence, ids.length), ids, ids.length),
    async step(tokens) {
      const batch = sequences.together([...tokens.keys()])
      const ids = batch.sequences.map((sequence) => tokens.get(sequence)!)
      const logits = await extend(batch, ids, 1)
      const vocabulary = logits.length / ids.length
      return new Map(
        batch.sequences.map((sequence, index) => [
          sequence,
          logits.subarray(index * vocabulary, (index + 1) * vocabulary),
        ]),
      )
    },
    close: () => session.release(),
  }
}
