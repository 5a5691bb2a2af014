import { RuntimeError } from '@hfquant/core'

/** Work that uses what a model holds open: files, threads. Closing waits for it. */
export interface RunningWork {
  /** Aborted when the model is disposed of. */
  readonly signal: AbortSignal
  /** @throws RuntimeError MODEL_DISPOSED once closed. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  checkOpen(): void
  /** Refuses new work, aborts what listens to `signal`, and resolves when everything has ended. */
  close(): Promise<void>
}

export function createRunningWork(): RunningWork {
  const stop = new AbortController()
  const running = new Set<Promise<unknown>>()
  const checkOpen = () => {
    if (stop.signal.aborted) throw stop.signal.reason
  }
  return {
    signal: stop.signal,
    checkOpen,
    async run(work) {
      checkOpen()
      const promise = work()
      running.add(promise)
      return promise.finally(() => running.delete(promise))
    },
    async close() {
      const hint = 'Load it again before using it.'
      stop.abort(new RuntimeError('MODEL_DISPOSED', 'the model has been disposed', { hint }))
      await Promise.allSettled(running)
    },
  }
}
