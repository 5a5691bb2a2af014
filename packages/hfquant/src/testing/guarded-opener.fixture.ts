import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Beyond this no folder may take the thread that opens it. */
const DEADLINE_MILLISECONDS = 2000
/** Beyond this no folder of some kilobytes may ask. */
const MAX_ALLOCATION = 64 * 2 ** 20
/** Of the JavaScript heap, which the meter of buffers does not see. */
const MAX_HEAP_MEGABYTES = 256

interface Answer {
  readonly fault: string | undefined
  readonly bytes: number
}

/** Opens folders in a thread of its own, which is stopped and replaced when it hangs or runs out of memory. */
export interface GuardedOpener {
  /** What is wrong with how a folder was opened; undefined for a model and for a typed error. */
  fault(folder: string, texts: boolean): Promise<string | undefined>
  close(): Promise<void>
}

export function createGuardedOpener(env: Record<string, string | undefined>): GuardedOpener {
  let worker: Promise<Worker> | undefined
  const start = async () => {
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MEGABYTES }
    const options = { env, resourceLimits, execArgv: [], stderr: true }
    const started = new Worker(new URL('./open-folder.mjs', import.meta.url), options)
    await once(started, 'message')
    return started
  }
  const ask = async (folder: string, texts: boolean): Promise<string | undefined> => {
    worker ??= start()
    const running = await worker
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), DEADLINE_MILLISECONDS)
    try {
      running.postMessage({ folder, texts })
      // 'error' of the thread, its running out of memory included, rejects.
      const [{ fault, bytes }] = (await once(running, 'message', { signal: stop.signal })) as [Answer]
      return fault ?? (bytes > MAX_ALLOCATION ? `${bytes} bytes were allocated` : undefined)
    } catch (error) {
      worker = undefined
      await running.terminate()
      return stop.signal.aborted
        ? `no answer within ${DEADLINE_MILLISECONDS} ms`
        : `the thread ended: ${error}`
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    fault: ask,
    async close() {
      await (await worker)?.terminate()
    },
  }
}
