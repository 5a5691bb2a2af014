import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { cacheFolder } from '../index.js'

/** So long a folder may keep the processor busy: other programs may have most of it meanwhile. */
const MAX_COMPUTING_SECONDS = 2
/** So long a folder may take that is waited for, as a pipe is. */
const MAX_WAITING_SECONDS = 30
/** Beyond this no folder of some kilobytes may ask. */
const MAX_ALLOCATION = 64 * 2 ** 20
/** Of the JavaScript heap, which the meter of buffers does not see. */
const MAX_HEAP_MEGABYTES = 256

/** How a folder is used: as `open-folder.mjs` has them. */
export type FolderUse = 'inspect' | 'texts' | 'compute' | 'compute from the cache'

export interface Outcome {
  /** What is wrong; undefined for a result and for a typed error. */
  readonly fault?: string
  /** The typed error. */
  readonly refusal?: string
  readonly result?: unknown
}

interface Answer extends Outcome {
  readonly bytes: number
}

/** Uses folders in a thread of its own, which is stopped and replaced when it hangs or runs out of memory. */
export interface GuardedOpener {
  use(folder: string, how: FolderUse): Promise<Outcome>
  close(): Promise<void>
}

/** `cache` is a folder of the opener alone: what is left in it was left by the thread. */
export function createGuardedOpener(cache: string): GuardedOpener {
  const env = { ...process.env, HFQUANT_CACHE: cache, HF_HUB_OFFLINE: '1' }
  let worker: Promise<Worker> | undefined
  const start = async () => {
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MEGABYTES }
    const options = { env, resourceLimits, execArgv: [], stderr: true }
    const started = new Worker(new URL('./open-folder.mjs', import.meta.url), options)
    await once(started, 'message')
    return started
  }
  const use = async (folder: string, how: FolderUse): Promise<Outcome> => {
    worker ??= start()
    const running = await worker
    const stop = new AbortController()
    const watch = watchTime((fault) => stop.abort(fault))
    try {
      running.postMessage({ folder, use: how })
      // 'error' of the thread, its running out of memory included, rejects.
      const [{ bytes, ...outcome }] = (await once(running, 'message', { signal: stop.signal })) as [Answer]
      return bytes > MAX_ALLOCATION ? { fault: `${bytes} bytes were allocated` } : outcome
    } catch (error) {
      worker = undefined
      await running.terminate()
      // What a thread leaves that was ended from outside is looked for elsewhere.
      rmSync(join(cacheFolder(env), 'work'), { recursive: true, force: true })
      return { fault: stop.signal.aborted ? stop.signal.reason : `the thread ended: ${error}` }
    } finally {
      clearInterval(watch)
    }
  }
  return {
    use,
    async close() {
      await (await worker)?.terminate()
    },
  }
}

/** Looks at the clock and at the processor's time of this process, which does nothing else meanwhile. */
function watchTime(report: (fault: string) => void): NodeJS.Timeout {
  const [begun, before] = [performance.now(), process.cpuUsage()]
  return setInterval(() => {
    const { user, system } = process.cpuUsage(before)
    const [computing, waiting] = [(user + system) / 1e6, (performance.now() - begun) / 1e3]
    if (computing > MAX_COMPUTING_SECONDS) report(`no answer after ${computing} s of computing`)
    else if (waiting > MAX_WAITING_SECONDS) report(`no answer after ${waiting} s of waiting`)
  }, 100)
}
