import { Worker } from 'node:worker_threads'
import { KernelFailedError, KernelWorkerCrashedError } from '../errors.js'
import { installedFile } from '../installed-file.js'
import type { KernelResult } from '../kernel.js'
import { createIdleThreads, type KeptThread } from './idle-threads.js'
import { fromErrorData, type WorkerAnswer } from './messages.js'
import { type KernelTask, withoutUnusedBytes } from './task.js'

/** One thread that runs one task at a time. */
export interface PoolWorker extends KeptThread {
  run(task: KernelTask): Promise<KernelResult>
  /** Leaves the thread, which is idle, to the next pool, or ends it. */
  release(): Promise<void>
}

interface Waiting {
  readonly kernel: string
  readonly resolve: (result: KernelResult) => void
  readonly reject: (error: unknown) => void
}

/** More memory than this is given back: WebAssembly does not return what a thread has once taken. */
const MOST_KEPT_BYTES = 8 * 2 ** 20

const idle = createIdleThreads<PoolWorker>()

/** A thread that another pool has left, or a new one. */
export const takePoolWorker = (): PoolWorker => idle.take() ?? startPoolWorker()

function startPoolWorker(): PoolWorker {
  const path = installedFile('@hfquant/kernels/worker', import.meta.url)
  // Flags of the main thread (loaders, inspectors, test runners) are not for the worker.
  const thread = new Worker(path, { execArgv: [] })
  thread.unref()
  let alive = true
  /** False when the thread holds more than one that has just started: much memory, or modules of a plug-in. */
  let isAsNew = true
  let waiting: Waiting | undefined

  const settle = (use: (task: Waiting) => void) => {
    // An idle thread must not keep the process running; a busy one must.
    thread.unref()
    const task = waiting
    waiting = undefined
    if (task !== undefined) use(task)
  }
  const crash = (reason: string, cause?: unknown) => {
    alive = false
    settle((task) => task.reject(new KernelWorkerCrashedError(task.kernel, reason, cause)))
  }
  thread.on('message', (answer: WorkerAnswer) => {
    settle((task) => {
      if ('result' in answer) task.resolve(answer.result)
      else task.reject(fromErrorData(task.kernel, answer.error))
    })
  })
  thread.on('error', (cause) => crash(cause instanceof Error ? cause.message : String(cause), cause))
  thread.on('exit', (status) => crash(`exit status ${status}`))

  const worker: PoolWorker = {
    get alive() {
      return alive
    },
    run: (task) =>
      new Promise((resolve, reject) => {
        isAsNew &&= task.module === undefined && bytesOf(task) <= MOST_KEPT_BYTES
        waiting = { kernel: task.kernel, resolve, reject }
        thread.ref()
        try {
          thread.postMessage(withoutUnusedBytes(task))
        } catch (cause) {
          settle(() => reject(new KernelFailedError('the task cannot be sent to a worker', { cause })))
        }
      }),
    async terminate() {
      await thread.terminate()
    },
    async release() {
      if (alive && isAsNew) idle.keep(worker)
      else await worker.terminate()
    },
  }
  return worker
}

const bytesOf = ({ inputs, outputs }: KernelTask): number =>
  [...inputs, ...outputs].reduce((sum, { byteLength }) => sum + byteLength, 0)
