import { dirname, join } from 'node:path'
import { RuntimeError } from '@hfquant/core'
import { WEIGHTS_FILE } from '../artifact/files.js'
import { fromErrorRecord } from './error-record.js'
import { fetchFile } from './fetch-file.js'
import { findMappedFile, type MappedFile } from './mapped-file.js'
import type { Answers, Reply, Request } from './protocol.js'
import type { SessionCounters } from './session-counters.js'
import { takeSessionThread } from './session-thread.js'

/** The thread of a session. Sequences aside, calls are answered in order; while none is under way it does not keep the process alive. */
export interface SessionWorker {
  /**
   * @param transfer buffers of the request that are handed over instead of copied.
   * @throws RuntimeError SESSION_FAILED with the runtime's own words; once closed, the reason; typed errors of the
   * thread as they are.
   */
  call<R extends Request>(request: R, transfer?: readonly ArrayBuffer[]): Promise<Answers[R['kind']]>
  /** @param reason of later calls to fail; default MODEL_DISPOSED. */
  close(reason?: RuntimeError): Promise<void>
  isClosed(): boolean
}

/** A session's thread with the model file that it opened, and what it answered. */
export interface OpenedWorker<R extends OpenRequest> extends SessionWorker {
  readonly weights: MappedFile
  readonly opened: Answers[R['kind']]
}

type OpenRequest = Extract<Request, { readonly kind: 'open' | 'openGraph' }>

/**
 * @param onCounters is told what the thread says without being asked.
 * @throws RuntimeError SESSION_FAILED with the runtime's own words.
 */
export async function openInWorker<R extends OpenRequest>(
  request: R,
  onCounters?: (counters: SessionCounters) => void,
): Promise<OpenedWorker<R>> {
  // Looked at before it is opened: a model that is not kept is deleted as soon as it is mapped.
  const path = join(dirname(request.modelPath), WEIGHTS_FILE)
  const weights = await findMappedFile(path)
  const worker = startSessionWorker(weights.size, onCounters)
  const fetching = new AbortController()
  const close: SessionWorker['close'] = (reason) => {
    fetching.abort()
    return worker.close(reason)
  }
  // One that was written a moment ago is in memory.
  if (request.optimized && weights.size >= WORTH_FETCHING) {
    void fetchFile(path, weights.size, fetching.signal)
  }
  try {
    return { ...worker, close, weights, opened: await worker.call(request) }
  } catch (error) {
    await close()
    throw error
  }
}

/** Smaller files are mapped before half of them is read. */
const WORTH_FETCHING = 16 * 2 ** 20

/** What larger models leave in a thread, until its end, is more than the start of another one is worth. */
const MOST_LEFT_BYTES = 64 * 2 ** 20

let calls = 0

/**
 * @param weightBytes what the session is going to hold: the thread of a small one serves the next one, too.
 * @param onCounters is told what the thread says without being asked.
 */
export function startSessionWorker(
  weightBytes: number,
  onCounters?: (counters: SessionCounters) => void,
): SessionWorker {
  const thread = takeSessionThread()
  const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>()
  let closed: Promise<void> | undefined
  let closedBy = disposed()
  let ended: Error | undefined
  const fail = (error: Error) => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  thread.user = {
    onMessage(replies) {
      if ('counters' in replies) {
        onCounters?.(replies.counters)
        return
      }
      for (const reply of replies) {
        const entry = waiting.get(reply.id)
        waiting.delete(reply.id)
        if ('error' in reply) entry?.reject(closed === undefined ? errorOf(reply) : closedBy)
        else entry?.resolve(reply.answer as never)
      }
      if (waiting.size === 0) thread.unref()
    },
    onEnd(error) {
      if (error !== undefined) fail(sessionError(error.message, error))
      else fail(closed === undefined ? sessionError('the session thread ended') : closedBy)
    },
  }

  const call: SessionWorker['call'] = (request, transfer = []) => {
    if (closed !== undefined && request.kind !== 'close') return Promise.reject(closedBy)
    if (ended !== undefined) return Promise.reject(ended)
    return new Promise((resolve, reject) => {
      calls += 1
      // First: what cannot be cloned throws here, and nothing would answer it.
      thread.post({ id: calls, request }, transfer)
      waiting.set(calls, { resolve, reject })
      thread.ref()
    })
  }
  const leave = async () => {
    const isIdle = await call({ kind: 'close' }).then(
      () => waiting.size === 0,
      () => false,
    )
    if (isIdle && thread.alive && weightBytes <= MOST_LEFT_BYTES) thread.keep()
    else await thread.terminate()
  }
  const close = (reason = closedBy) => {
    if (closed === undefined) closedBy = reason
    closed ??= leave()
    return closed
  }
  return { call, close, isClosed: () => closed !== undefined || ended !== undefined }
}

const errorOf = ({ error }: Extract<Reply, { readonly error: unknown }>): Error =>
  fromErrorRecord(error) ?? sessionError(error.message)

const sessionError = (message: string, cause?: unknown): RuntimeError =>
  new RuntimeError('SESSION_FAILED', `the runtime failed: ${message}`, {
    cause,
    hint: 'Run `hfquant doctor`; if the runtime is sound, report the model and this message.',
  })

const disposed = (): RuntimeError =>
  new RuntimeError('MODEL_DISPOSED', 'the model has been disposed', {
    hint: 'Load it again before using it.',
  })
