import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { RuntimeError } from '@hfquant/core'
import type { CacheShape, Reply, Request } from './protocol.js'

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
  const worker = new Worker(createRequire(import.meta.url).resolve('@hfquant/onnx/session-worker'), {
    execArgv: [],
  })
  const waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>()
  let calls = 0
  let sequences = 0
  let closed: Promise<void> | undefined

  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  worker.on('message', (reply: Reply) => {
    const entry = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (waiting.size === 0) worker.unref()
    if ('error' in reply) entry?.reject(sessionError(reply.error))
    else entry?.resolve(reply)
  })
  worker.on('error', (error) => fail(sessionError(error.message, error)))
  worker.on('exit', () => fail(sessionError('the session thread ended')))

  const call = (request: Request): Promise<Reply> => {
    if (closed !== undefined && request.kind !== 'close') return Promise.reject(disposed())
    return new Promise((resolve, reject) => {
      calls += 1
      waiting.set(calls, { resolve, reject })
      worker.ref()
      worker.postMessage({ id: calls, request })
    })
  }
  const logits = async (request: Request): Promise<Float32Array> => {
    const reply = await call(request)
    return 'logits' in reply ? reply.logits : new Float32Array(0)
  }
  const close = () => {
    closed ??= call({ kind: 'close' })
      .catch(() => {})
      .then(() => worker.terminate())
      .then(() => {})
    return closed
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
          if (closed === undefined) await call({ kind: 'free', sequence })
        },
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const sessionError = (message: string, cause?: unknown): RuntimeError =>
  new RuntimeError('SESSION_FAILED', `the runtime failed: ${message}`, {
    cause,
    hint: 'Run `hfquant doctor`; if the runtime is sound, report the model and this message.',
  })

const disposed = (): RuntimeError =>
  new RuntimeError('MODEL_DISPOSED', 'the model has been disposed', {
    hint: 'Load it again before using it.',
  })
