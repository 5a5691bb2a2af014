import { ApiError } from './http/api-error.js'

/** `draining`: requests are still taken, but none should come; `closing`: none is taken. */
export type Phase = 'starting' | 'ready' | 'draining' | 'closing'

/** The way of a server from its start to its end, and the requests that are at work. */
export interface Lifecycle {
  phase: Phase
  /** Requests that are at work. */
  readonly running: number
  /** True when a request was cut off by the end. */
  readonly hasCut: boolean
  /**
   * Adds a request; `abort` ends it early.
   *
   * @returns what says that it has ended.
   */
  enter(abort: (reason: ApiError) => void): () => void
  /** Resolves when no request is at work. */
  idle(): Promise<void>
  /** Ends all requests that are at work. */
  cut(): void
}

export function createLifecycle(): Lifecycle {
  const running = new Set<(reason: ApiError) => void>()
  const waiting: (() => void)[] = []
  let hasCut = false
  const settle = () => {
    if (running.size > 0) return
    for (const resolve of waiting.splice(0)) resolve()
  }
  return {
    phase: 'starting',
    get running() {
      return running.size
    },
    get hasCut() {
      return hasCut
    },
    enter(abort) {
      running.add(abort)
      return () => {
        running.delete(abort)
        settle()
      }
    },
    idle: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        settle()
      }),
    cut() {
      for (const abort of running) {
        hasCut = true
        abort(shuttingDown())
      }
    },
  }
}

export const shuttingDown = (): ApiError =>
  new ApiError('shutting_down', 'the server is shutting down; try again', {
    headers: { connection: 'close' },
  })
