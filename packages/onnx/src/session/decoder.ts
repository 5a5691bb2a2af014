import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type CacheArray, newCacheArray } from './cache-array.js'
import { cacheElements, cacheTensor } from './cache-tensor.js'
import { DECODER } from './decoder-ports.js'
import { OPTIMIZATION } from './optimization.js'
import type { CacheShape } from './protocol.js'
import { runtimeCall } from './runtime-call.js'
import { type Batch, createSequences, type Sequence, type Sequences } from './sequences.js'
import { int64, type NewTokens, tokenLayout } from './token-layout.js'

/** A decoder graph in a session of this thread, and the sequences that it is working on. */
export interface Decoder {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. Nothing is cached. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** Appends tokens to one sequence; returns the logits after the last, [vocabulary]. */
  append(sequence: Sequence, ids: readonly number[]): Promise<Float32Array>
  /**
   * Appends as many of some tokens as `keep` says, after a run over all of them; the others leave nothing behind. One
   * sequence only: the runtime's attention takes several rows of one or one row of several.
   */
  verify(sequence: Sequence, ids: readonly number[], keep: Keep): Promise<void>
  /**
   * Appends one token to each of some sequences, in one run for as many of them as lie together.
   *
   * @returns the logits of those that were part of the run, the first one in any case: views of one array.
   */
  step(tokens: ReadonlyMap<Sequence, number>): Promise<ReadonlyMap<Sequence, Float32Array>>
  readonly sequences: SequenceRoom
  close(): Promise<void>
}

/** Sequences as they are between runs. */
export type SequenceRoom = Omit<Sequences, 'single' | 'together' | 'advance'>

/**
 * How many of the tokens of a run stay, from the first on; at least one.
 *
 * @param logits after each of them, [tokens, vocabulary].
 */
export type Keep = (logits: Float32Array) => number

export interface OpenOptions {
  readonly threads: number
  /** True for a file that the runtime wrote itself: there is nothing left to optimize. */
  readonly optimized: boolean
  /** Bytes that caches may take; default: what sequences need. */
  readonly cacheBudget?: number | undefined
}

export async function openDecoder(
  modelPath: string,
  shape: CacheShape,
  { threads, optimized, cacheBudget }: OpenOptions,
): Promise<Decoder> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: optimized ? 'disabled' : 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: OPTIMIZATION,
    logSeverityLevel: 3,
  }
  const session = await runtimeCall(() => InferenceSession.create(modelPath, settings))
  const sequences = createSequences(shape, cacheBudget)
  const layers = shape.layers.flatMap((cache, layer) => (cache.kind === 'kv' ? [{ ...cache, layer }] : []))
  const nothing = newCacheArray(shape, 0)
  const newRows = layers.flatMap(({ layer }) => [DECODER.newKey(layer), DECODER.newValue(layer)])
  const asks = new Set(session.inputNames)
  const layout = tokenLayout(session.inputNames)

  /** Keys and values, and how many there are, of the sequences of a run. */
  const cacheFeeds = (past: Batch | undefined, lengths: readonly number[], count: number) => {
    const feeds: Record<string, Tensor> = lengthFeeds(
      lengths,
      count,
      DECODER.lastPosition,
      DECODER.totalLength,
    )
    const batch = lengths.length
    for (const { layer, heads, headSize, window } of layers) {
      const {
        keys,
        values,
        shape: cached,
      } = past?.pool.read(layer, past.first, batch) ?? {
        ...{ keys: nothing, values: nothing },
        shape: [batch, heads, 0, headSize],
      }
      feeds[DECODER.pastKey(layer)] = cacheTensor(keys, cached)
      feeds[DECODER.pastValue(layer)] = cacheTensor(values, cached)
      if (window === undefined || DECODER.windowTotal(window) in feeds) continue
      const kept = lengths.map(
        (length, index) => length - (past?.pool.dropped(layer, past.first + index) ?? 0),
      )
      Object.assign(feeds, lengthFeeds(kept, count, DECODER.windowLast(window), DECODER.windowTotal(window)))
    }
    return feeds
  }

  const run = async (tokens: RunTokens, past: Batch | undefined, outputs: readonly string[]) => {
    const { lengths, ids, areLong, arePrompt } = tokens
    const batch = lengths.length
    const count = ids.length / batch
    const positions = lengths.flatMap((length) => Array.from({ length: count }, (_, at) => length + at))
    const feeds: Record<string, Tensor> = {
      ...layout.feeds(tokens),
      ...cacheFeeds(past, lengths, count),
      [DECODER.positionIds]: int64(positions, [batch, count]),
      [DECODER.longSequence]: int64(areLong.map(Number), [batch, 1]),
      [DECODER.readsPrompt]: new Tensor('bool', [arePrompt], []),
    }
    const asked = Object.fromEntries(Object.entries(feeds).filter(([name]) => asks.has(name)))
    const result = await runtimeCall(() => session.run(asked, outputs))
    const logits = layout.logits(result[DECODER.logits]!.data as Float32Array, tokens)
    return { result, logits }
  }

  /**
   * Appends `count` tokens to each sequence of a batch and keeps their keys and values: with `keep`, those of as many as it
   * says, and the logits of all are computed instead of those after the last.
   */
  const extend = async (batch: Batch, ids: readonly number[], { count, arePrompt, keep }: Extension) => {
    const lengths = batch.sequences.map(({ length }) => length)
    const areLong = batch.sequences.map(({ isLong }) => isLong)
    const rows = keep === undefined ? [count - 1] : Array.from({ length: count }, (_, row) => row)
    const tokens = { ids, lengths, areLong, rows, arePrompt }
    const { result, logits } = await run(tokens, batch, [DECODER.logits, ...newRows])
    const kept = keep?.(logits) ?? count
    for (const { layer, heads, headSize } of layers) {
      const width = heads * headSize
      const keys = cacheElements(result[DECODER.newKey(layer)]!)
      const values = cacheElements(result[DECODER.newValue(layer)]!)
      for (const [index, length] of lengths.entries()) {
        const first = index * count
        const part = (rows: CacheArray) => rows.subarray(first * width, (first + kept) * width)
        const rows = { count: kept, keys: part(keys), values: part(values) }
        batch.pool.write(layer, batch.first + index, length, rows)
      }
    }
    for (const [index, sequence] of batch.sequences.entries()) {
      sequences.advance(sequence, ids.slice(index * count, index * count + kept))
    }
    return logits
  }

  return {
    sequences,
    async forward(ids, batch) {
      const count = ids.length / batch
      const rows = Array.from({ length: count }, (_, row) => row)
      const lengths = Array.from({ length: batch }, () => 0)
      const areLong = lengths.map(() => count > (shape.longRope ?? Number.POSITIVE_INFINITY))
      const tokens = { ids, lengths, areLong, rows, arePrompt: true }
      return (await run(tokens, undefined, [DECODER.logits])).logits
    },
    append: (sequence, ids) =>
      extend(sequences.single(sequence), ids, { count: ids.length, arePrompt: true }),
    async verify(sequence, ids, keep) {
      const extension = { count: ids.length, arePrompt: false, keep }
      await extend(sequences.single(sequence), ids, extension)
    },
    async step(tokens) {
      const batch = sequences.together([...tokens.keys()])
      const ids = batch.sequences.map((sequence) => tokens.get(sequence)!)
      const logits = await extend(batch, ids, { count: 1, arePrompt: false })
      const vocabulary = logits.length / ids.length
      return new Map(
        batch.sequences.map((sequence, index) => [
          sequence,
          logits.subarray(index * vocabulary, (index + 1) * vocabulary),
        ]),
      )
    },
    close: () => runtimeCall(() => session.release()),
  }
}

interface Extension {
  /** New tokens of each sequence. */
  readonly count: number
  readonly arePrompt: boolean
  readonly keep?: Keep
}

interface RunTokens extends NewTokens {
  /** Of each sequence, whether its positions are those of long ones. */
  readonly areLong: readonly boolean[]
  /** Whether they are read as a prompt is, or as what follows one. */
  readonly arePrompt: boolean
}

/** What attention is told of the tokens in the cache and the `count` new ones. */
function lengthFeeds(lengths: readonly number[], count: number, last: string, total: string) {
  const totals = lengths.map((length) => length + count)
  const lasts = Int32Array.from(totals, (length) => length - 1)
  return {
    [last]: new Tensor('int32', lasts, [lengths.length]),
    [total]: new Tensor('int32', Int32Array.of(Math.max(...totals)), []),
  }
}
