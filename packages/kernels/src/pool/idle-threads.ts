/** What is kept of a thread. */
export interface KeptThread {
  /** False once the thread has ended. */
  readonly alive: boolean
  terminate(): Promise<void>
}

/** Threads that wait for their next user. */
export interface IdleThreads<Thread extends KeptThread> {
  take(): Thread | undefined
  /** Keeps a thread that does not hold the process up, and ends it when nobody takes it for a while. */
  keep(thread: Thread): void
}

/** Long enough for whoever saves what was loaded, or opens what was saved. */
const PATIENCE_MILLISECONDS = 2_000

/**
 * Makes a place for threads whose user is done with them: starting one takes up to a tenth of a second, which is longer than
 * all that a small model asks of it.
 */
export function createIdleThreads<Thread extends KeptThread>(): IdleThreads<Thread> {
  const idle = new Map<Thread, NodeJS.Timeout>()
  return {
    take() {
      for (const [thread, timer] of idle) {
        clearTimeout(timer)
        idle.delete(thread)
        if (thread.alive) return thread
      }
      return undefined
    },
    keep(thread) {
      const end = () => {
        idle.delete(thread)
        void thread.terminate()
      }
      idle.set(thread, setTimeout(end, PATIENCE_MILLISECONDS).unref())
    },
  }
}
