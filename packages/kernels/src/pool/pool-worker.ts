import { Worker } from 'node:worker_threads'
import { KernelFailedError, KernelWorkerCrashedError } from '../errors.js'
import { installedFile } from '../installed-file.js'
import type { KernelResult } from '../kernel.js'
import { fromErrorData, type WorkerAnswer } from './messages.js'
import { type KernelTask, withoutUnusedBytes } from './task.js'

/** One thread that runs one task at a time. */
export interface PoolWorker {
  /** False once the thread has ended. */
  readonly alive: boolean
  run(task: KernelTask): Promise<KernelResult>
  terminate(): Promise<void>
}

interface Waiting {
  readonly kernel: string
  readonly resolve: (result: KernelResult) => void
  readonly reject: (error: unknown) => void
}

export function startPoolWorker(): PoolWorker {
  const path = installedFile('@hfquant/kernels/worker', import.meta.url)
  // Flags of the main thread (loaders, inspectors, test runners) are not for the worker.
  const thread = new Worker(path, { execArgv: [] })
  thread.unref()
  let alive = true
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

  return {
    get alive() {
      return alive
    },
    run: (task) =>
      new Promise((resolve, reject) => {
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
  }
}
