import { availableParallelism } from 'node:os'
import type { SumPort, TensorRecord } from './protocol.js'
import { type SessionWorker, startSessionWorker } from './session-worker-host.js'

/** Any graph in a worker thread, with named inputs and outputs. Calls are answered in order. */
export interface GraphSession extends AsyncDisposable {
  /**
   * Tensors are handed over, here and below: their arrays are empty afterwards.
   *
   * @param into tensors that take some of the outputs, so that their memory is used over and over.
   */
  run(feeds: TensorRecord, outputs: readonly string[], into?: TensorRecord): Promise<TensorRecord>
  /**
   * Runs a graph whose `sums` outputs add something to the inputs of the same port. Sums begin at zero and stay in the
   * session, however large they are.
   *
   * @returns the feeds, for another use of their memory.
   */
  accumulate(feeds: TensorRecord, sums: readonly SumPort[]): Promise<TensorRecord>
  /** The sums by the name of their output. */
  takeSums(): Promise<TensorRecord>
  close(): Promise<void>
}

/** Threads that run graphs one after the other: starting a thread takes longer than many a graph runs. */
export interface GraphThreads {
  /**
   * Opens a model file in a thread that is free, or in a new one.
   *
   * @throws RuntimeError SESSION_FAILED with the runtime's own words.
   */
  open(modelPath: string): Promise<GraphSession>
  /** Ends every thread, and the sessions that are still open. */
  close(): Promise<void>
}

export interface GraphThreadsOptions {
  /** Threads of the runtime within each session; default: one per core. */
  readonly threads?: number | undefined
  /** Keep a thread for the next graph. What large graphs leave in it is only given back at its end. Default true. */
  readonly reuse?: boolean | undefined
}

export function createGraphThreads(options: GraphThreadsOptions = {}): GraphThreads {
  const { threads = availableParallelism(), reuse = true } = options
  const all = new Set<SessionWorker>()
  const free: SessionWorker[] = []
  const start = () => {
    const worker = startSessionWorker(reuse ? 0 : Number.POSITIVE_INFINITY)
    all.add(worker)
    return worker
  }
  return {
    async open(modelPath) {
      const worker = free.pop() ?? start()
      try {
        await worker.call({ kind: 'openGraph', modelPath, threads })
      } catch (error) {
        all.delete(worker)
        await worker.close()
        throw error
      }
      return graphSession(worker, async () => {
        if (reuse) {
          await worker.call({ kind: 'closeGraph' })
          free.push(worker)
        } else {
          all.delete(worker)
          await worker.close()
        }
      })
    },
    async close() {
      await Promise.all([...all].map((worker) => worker.close()))
    },
  }
}

function graphSession(worker: SessionWorker, release: () => Promise<void>): GraphSession {
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= worker.isClosed() ? Promise.resolve() : release()
    return closed
  }
  return {
    async run(feeds, outputs, into = {}) {
      const buffers = [...buffersOf(feeds), ...buffersOf(into)]
      const { tensors } = await worker.call({ kind: 'run', feeds, outputs, into }, buffers)
      return tensors
    },
    async accumulate(feeds, sums) {
      const { tensors } = await worker.call({ kind: 'accumulate', feeds, sums }, buffersOf(feeds))
      return tensors
    },
    async takeSums() {
      const { tensors } = await worker.call({ kind: 'takeSums' })
      return tensors
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const buffersOf = (feeds: TensorRecord): ArrayBuffer[] =>
  Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer)
