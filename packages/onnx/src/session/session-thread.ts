import { Worker } from 'node:worker_threads'
import { createIdleThreads, installedFile, type KeptThread } from '@hfquant/kernels'
import { createExitGate } from './exit-gate.js'
import type { Call, CountersMessage, Reply } from './protocol.js'
import type { SessionWorkerData } from './runtime-call.js'

/** A thread that runs one session after the other. It holds the process up only between `ref` and `unref`. */
export interface SessionThread extends KeptThread {
  /** Sends a call, with a number that no call to the thread has had. @throws DataCloneError for what cannot be sent. */
  post(call: Call, transfer: readonly ArrayBuffer[]): void
  /** Who is told what the thread says, and that it ended: of an error, or without one. Undefined: nobody. */
  user: SessionThreadUser | undefined
  ref(): void
  unref(): void
  /** Leaves the thread, which has closed its session, to the next one. */
  keep(): void
}

export interface SessionThreadUser {
  onMessage(message: readonly Reply[] | CountersMessage): void
  onEnd(error?: Error): void
}

const idle = createIdleThreads<SessionThread>()

/** A thread that another session has left, or a new one. */
export const takeSessionThread = (): SessionThread => idle.take() ?? startSessionThread()

function startSessionThread(): SessionThread {
  disableTelemetry()
  const { gate, forget } = createExitGate()
  const worker = new Worker(installedFile('@hfquant/onnx/session-worker', import.meta.url), {
    execArgv: [],
    workerData: { gate } satisfies SessionWorkerData,
  })
  let alive = true
  const end = (error?: Error) => {
    alive = false
    thread.user?.onEnd(error)
  }
  worker.on('message', (message) => thread.user?.onMessage(message))
  worker.on('error', end)
  worker.on('exit', () => {
    forget()
    end()
  })
  const thread: SessionThread = {
    user: undefined,
    get alive() {
      return alive
    },
    post: (call, transfer) => worker.postMessage(call, [...transfer]),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    async terminate() {
      await worker.terminate()
    },
    keep() {
      thread.user = undefined
      idle.keep(thread)
    },
  }
  return thread
}

/** The runtime reports usage to its vendor unless this is set before it is loaded; only the main thread can set it. */
function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
}
