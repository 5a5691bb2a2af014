import { availableParallelism } from 'node:os'
import type { CacheShape, Request } from './protocol.js'
import { startSessionWorker } from './session-worker-host.js'

/**
 * A compiled decoder in a worker thread; the calling thread stays free. Sequences that are extended at the same time
 * share runs, whatever their lengths, and begin and end independently of each other.
 */
export interface DecoderSession extends AsyncDisposable {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** A sequence without tokens. */
  sequence(): SequenceHandle
  close(): Promise<void>
}

export interface SequenceHandle {
  /**
   * Appends tokens and returns the logits after the last one: [vocabulary]. Long prompts are read in parts, and what
   * another sequence has read already is not read again. Await one call before the next.
   */
  append(ids: readonly number[]): Promise<Float32Array>
  /** Ends the sequence; an append under way fails. */
  free(): Promise<void>
}

export interface SessionOptions {
  readonly modelPath: string
  readonly cache: CacheShape
  /** Threads of the runtime; default: one per core. */
  readonly threads?: number | undefined
  /** True for a compiled artifact, which the runtime optimized when it was made. */
  readonly optimized?: boolean | undefined
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
    const { modelPath, cache, threads = availableParallelism(), optimized = false } = options
    await call({ kind: 'open', modelPath, cache, threads, optimized })
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
