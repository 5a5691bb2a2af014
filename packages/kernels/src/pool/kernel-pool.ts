import { availableParallelism } from 'node:os'
import { KernelArgumentError, KernelPoolDisposedError, KernelWorkerCrashedError } from '../errors.js'
import type { KernelResult } from '../kernel.js'
import { type PoolWorker, takePoolWorker } from './pool-worker.js'
import { checkTask, type KernelTask } from './task.js'

/** More threads than this wait for memory rather than compute. */
const MAX_DEFAULT_WORKERS = 8

export interface KernelPoolOptions {
  /** Number of threads; by default one for each processor, at most 8. */
  readonly workers?: number
}

export interface KernelRunOptions {
  /** Removes the task from the queue. A task that is running already finishes first; then the promise rejects. */
  readonly signal?: AbortSignal
}

/** Threads that run kernels. Results never depend on how many there are. */
export interface KernelPool extends AsyncDisposable {
  readonly workers: number
  /**
   * Queues a task, first in, first out. Workers read and write file ranges themselves.
   *
   * @throws {KernelArgumentError} parameters or lengths do not fit the kernel
   * @throws {UnknownKernelError} neither built in nor exported by `task.module`
   * @throws {KernelIoError} a range could not be read or written whole; see `errno`
   * @throws {KernelMemoryError} the task does not fit into one WebAssembly memory
   * @throws {AddressSpaceError} the system refuses the addresses that each thread reserves
   * @throws {KernelFailedError} a plug-in kernel threw or could not be imported
   * @throws {KernelWorkerCrashedError} the worker ended; the pool replaces it
   * @throws {KernelPoolDisposedError} the pool has been disposed
   * @throws the reason of `signal` when that is aborted
   */
  run(task: KernelTask, options?: KernelRunOptions): Promise<KernelResult>
  /**
   * Rejects what is queued, waits for what is running, gives the threads away: the next pool may take them at once, and they
   * end soon where none does. May be called again.
   */
  dispose(): Promise<void>
}

interface Job {
  readonly task: KernelTask
  readonly signal: AbortSignal | undefined
  readonly resolve: (result: KernelResult) => void
  readonly reject: (reason: unknown) => void
  readonly onAbort: () => void
}

/**
 * A pool whose threads start with the first task. Idle threads do not keep the process alive.
 *
 * @throws {KernelArgumentError} `workers` is not a whole number of at least 1
 */
export function createKernelPool(options: KernelPoolOptions = {}): KernelPool {
  const size = options.workers ?? Math.min(availableParallelism(), MAX_DEFAULT_WORKERS)
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new KernelArgumentError('pool', 'the number of workers', size, 'a whole number, 1 or more')
  }
  const queue: Job[] = []
  const idle: PoolWorker[] = []
  const busy = new Map<PoolWorker, Promise<void>>()
  let disposal: Promise<void> | undefined

  function dispatch(): void {
    while (queue.length > 0 && busy.size < size) {
      const job = queue.shift()!
      job.signal?.removeEventListener('abort', job.onAbort)
      try {
        const worker = takeWorker()
        busy.set(worker, perform(worker, job))
      } catch (cause) {
        job.reject(new KernelWorkerCrashedError(job.task.kernel, 'it could not be started', cause))
      }
    }
  }

  function takeWorker(): PoolWorker {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) {
      if (worker.alive) return worker
    }
    return takePoolWorker()
  }

  async function perform(worker: PoolWorker, { task, signal, resolve, reject }: Job): Promise<void> {
    try {
      const result = await worker.run(task)
      if (signal?.aborted) reject(signal.reason)
      else resolve(result)
    } catch (error) {
      reject(signal?.aborted ? signal.reason : error)
    }
    busy.delete(worker)
    idle.push(worker)
    dispatch()
  }

  function run(task: KernelTask, { signal }: KernelRunOptions = {}): Promise<KernelResult> {
    return new Promise((resolve, reject) => {
      if (disposal !== undefined) throw new KernelPoolDisposedError()
      signal?.throwIfAborted()
      checkTask(task)
      const onAbort = () => {
        queue.splice(queue.indexOf(job), 1)
        reject(signal?.reason)
      }
      const job: Job = { task, signal, resolve, reject, onAbort }
      signal?.addEventListener('abort', onAbort, { once: true })
      queue.push(job)
      dispatch()
    })
  }

  async function shutDown(): Promise<void> {
    for (const job of queue.splice(0)) {
      job.signal?.removeEventListener('abort', job.onAbort)
      job.reject(new KernelPoolDisposedError())
    }
    await Promise.all(busy.values())
    await Promise.all(idle.map((worker) => worker.release()))
  }

  const dispose = (): Promise<void> => {
    disposal ??= shutDown()
    return disposal
  }
  return { workers: size, run, dispose, [Symbol.asyncDispose]: dispose }
}
