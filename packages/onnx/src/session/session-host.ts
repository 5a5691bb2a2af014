import { availableParallelism } from 'node:os'
import type { CacheShape, Request } from './protocol.js'
import { startSessionWorker } from './session-worker-host.js'

/** A compiled decoder in a worker thread. Calls are answered in order; the calling thread stays free. */
export interface DecoderSession extends AsyncDisposable {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** Begins a sequence with an empty key/value cache. */
  sequence(): SequenceHandle
  close(): Promise<void>
}

export interface SequenceHandle {
  /** Appends tokens and returns the logits after the last one: [vocabulary]. */
  append(ids: readonly number[]): Promise<Float32Array>
  /** Frees the cache. */
  free(): Promise<void>
}

export interface SessionOptions {
  readonly modelPath: string
  readonly cache: CacheShape
  /** Threads of the runtime; default: one per core. */
  readonly threads?: number | undefined
}

/**
 * Opens a model file in a worker thread.
 *
 * @throws RuntimeError SESSION_FAILED with the runtime's own words.
 */
export async function openSession(options: SessionOptions): Promise<DecoderSession> {
  const { call, close, isClosed } = startSessionWorker()
  let sequences = 0
  const logits = async (request: Request): Promise<Float32Array> => {
    const reply = await call(request)
    return 'logits' in reply ? reply.logits : new Float32Array(0)
  }
  try {
    const threads = options.threads ?? availableParallelism()
    await call({ kind: 'open', modelPath: options.modelPath, cache: options.cache, threads })
  } catch (error) {
    await close()
    throw error
  }

  return {
    forward: (ids, batch) => logits({ kind: 'forward', ids, batch }),
    sequence() {
      const sequence = ++sequences
      return {
        append: (ids) => logits({ kind: 'append', sequence, ids: Int32Array.from(ids) }),
        free: async () => {
          if (!isClosed()) await call({ kind: 'free', sequence })
        },
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
