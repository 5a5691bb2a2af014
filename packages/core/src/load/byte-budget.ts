/** Hands out a fixed number of bytes. Requests wait in order, so results do not depend on it, only memory does. */
export interface ByteBudget {
  /** Resolves when the bytes are free. A request larger than the whole budget waits until it is alone. */
  acquire(bytes: number, signal?: AbortSignal): Promise<Grant>
}

export interface Grant {
  release(): void
}

export function createByteBudget(limit: number): ByteBudget {
  let free = limit
  const waiting: { bytes: number; start: () => void }[] = []
  const startWaiting = () => {
    while (waiting.length > 0 && waiting[0]!.bytes <= free) {
      const next = waiting.shift()!
      free -= next.bytes
      next.start()
    }
  }
  return {
    acquire(requested, signal) {
      const bytes = Math.min(requested, limit)
      const grant: Grant = {
        release: () => {
          free += bytes
          startWaiting()
        },
      }
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const entry = {
          bytes,
          start: () => {
            signal?.removeEventListener('abort', abort)
            resolve(grant)
          },
        }
        const abort = () => {
          waiting.splice(waiting.indexOf(entry), 1)
          reject(signal!.reason)
          startWaiting()
        }
        signal?.addEventListener('abort', abort, { once: true })
        waiting.push(entry)
        startWaiting()
      })
    },
  }
}
