import { availableParallelism } from 'node:os'
import type { SumPort, TensorRecord } from './protocol.js'
import { startSessionWorker } from './session-worker-host.js'

/** Any graph in a worker thread, with named inputs and outputs. Calls are answered in order. */
export interface GraphSession extends AsyncDisposable {
  run(feeds: TensorRecord, outputs: readonly string[]): Promise<TensorRecord>
  /**
   * Runs a graph whose `sums` outputs add something to the inputs of the same port. Sums begin at zero and stay in the
   * session, however large they are. The feeds are handed over: their arrays are empty afterwards.
   */
  accumulate(feeds: TensorRecord, sums: readonly SumPort[]): Promise<void>
  /** The sums by the name of their output, in shared memory. */
  takeSums(): Promise<TensorRecord>
  close(): Promise<void>
}

/** @throws RuntimeError SESSION_FAILED with the runtime's own words. */
export async function openGraphSession({
  modelPath,
  threads = availableParallelism(),
}: {
  readonly modelPath: string
  /** Threads of the runtime; default: one per core. */
  readonly threads?: number | undefined
}): Promise<GraphSession> {
  const { call, close } = startSessionWorker()
  const tensors = async (request: Parameters<typeof call>[0]): Promise<TensorRecord> => {
    const reply = await call(request)
    return 'tensors' in reply ? reply.tensors : {}
  }
  try {
    await call({ kind: 'openGraph', modelPath, threads })
  } catch (error) {
    await close()
    throw error
  }
  return {
    run: (feeds, outputs) => tensors({ kind: 'run', feeds, outputs }),
    accumulate: async (feeds, sums) => {
      const buffers = Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer)
      await call({ kind: 'accumulate', feeds, sums }, buffers)
    },
    takeSums: () => tensors({ kind: 'takeSums' }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
