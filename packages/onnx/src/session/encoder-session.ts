import { availableParallelism } from 'node:os'
import type { RuntimeError } from '@hfquant/core'
import { DECODER } from './decoder-ports.js'
import { createOutputMemory } from './output-memory.js'
import type { GraphTensor, TensorRecord } from './protocol.js'
import type { SessionMemory, SessionOptions } from './session-host.js'
import { openInWorker } from './session-worker-host.js'
import { type TextTokens, textFeeds } from './text-feeds.js'

/** A compiled encoder in a worker thread; the calling thread stays free. Runs follow each other. */
export interface EncoderSession extends AsyncDisposable {
  /**
   * Computes outputs of texts of any lengths, one text at least and one token in each. Rows of tokens stand text after text,
   * and there may be one row more.
   *
   * @param feeds further inputs of the graph. They are handed over: their arrays are empty afterwards.
   */
  run(texts: readonly TextTokens[], outputs: readonly string[], feeds?: TensorRecord): Promise<TensorRecord>
  /** Hands back outputs that have a row for each token: later runs may use their memory. */
  reuse(tensors: TensorRecord): void
  memoryUsage(): Promise<SessionMemory>
  /** @param reason of later calls to fail; default MODEL_DISPOSED. */
  close(reason?: RuntimeError): Promise<void>
}

/**
 * Opens the graph of an encoder in a worker thread.
 *
 * @throws RuntimeError SESSION_FAILED with the runtime's own words.
 */
export async function openEncoder({
  modelPath,
  threads = availableParallelism(),
  optimized = false,
}: Omit<SessionOptions, 'cache'>): Promise<EncoderSession> {
  const opening = { kind: 'openGraph', modelPath, threads, optimized, serves: true } as const
  const { call, close, weights } = await openInWorker(opening)
  const memory = createOutputMemory()
  return {
    async run(texts, outputs, more = {}) {
      const feeds = { ...textFeeds(texts), ...more }
      const into = memory.take(outputs, feeds[DECODER.inputIds]!.shape[0]!)
      const buffers = [feeds, into]
        .flatMap(Object.values<GraphTensor>)
        .map(({ data }) => data.buffer as ArrayBuffer)
      const { tensors } = await call({ kind: 'run', feeds, outputs, into }, buffers)
      return tensors
    },
    reuse: memory.keep,
    memoryUsage: async () => ({
      fileSize: weights.size,
      mapping: await weights.mapping(),
      caches: { total: 0, kept: 0 },
    }),
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}
