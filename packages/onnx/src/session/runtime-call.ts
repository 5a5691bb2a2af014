import { workerData } from 'node:worker_threads'
import { callsBehind, type ExitGate } from './exit-gate.js'

/** What the thread of a session is started with. */
export interface SessionWorkerData {
  readonly gate: ExitGate
}

/** Every call into the runtime goes through here, so that its thread is not stopped in the middle of one. */
export const runtimeCall = callsBehind((workerData as Partial<SessionWorkerData> | null)?.gate)
