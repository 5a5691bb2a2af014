/**
 * Keeps a process from ending while the runtime computes.
 *
 * The runtime's binding ends the whole process (SIGABRT, "terminate called after throwing an instance of
 * 'Napi::Error'") when its thread is stopped during a call: on return it finds that it may no longer make JavaScript
 * values. So a thread that is about to be stopped is let out of its call first, and into no other.
 *
 * The buffer is shared by both threads: [1 when the gate is closed, number of calls under way].
 */
export type ExitGate = SharedArrayBuffer

const CLOSED = 0
const CALLS = 1

/**
 * Longer than a run takes: prompts are read in parts. A model of many gigabytes may take longer to open; the wait has an
 * end because whoever leaves asked to leave.
 */
const LONGEST_WAIT_MILLISECONDS = 10_000

const gates = new Set<ExitGate>()

/** A gate that closes when this thread ends; `forget` is called once there is nothing to wait for. */
export function createExitGate(): { readonly gate: ExitGate; readonly forget: () => void } {
  const gate = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
  // One listener for all: Node warns of many.
  if (gates.size === 0) process.on('exit', closeGates)
  gates.add(gate)
  return {
    gate,
    forget() {
      if (gates.delete(gate) && gates.size === 0) process.off('exit', closeGates)
    },
  }
}

function closeGates(): void {
  const all = [...gates].map((gate) => new Int32Array(gate))
  const end = performance.now() + LONGEST_WAIT_MILLISECONDS
  for (const flags of all) Atomics.store(flags, CLOSED, 1)
  for (const flags of all) {
    for (let calls = Atomics.load(flags, CALLS); calls > 0; calls = Atomics.load(flags, CALLS)) {
      const left = end - performance.now()
      if (left <= 0) return
      Atomics.wait(flags, CALLS, calls, left)
    }
  }
}

/** Makes calls into the runtime, each behind the gate; without a gate they are made as they are. */
export function callsBehind(gate: ExitGate | undefined): <T>(call: () => Promise<T>) => Promise<T> {
  if (gate === undefined) return (call) => call()
  const flags = new Int32Array(gate)
  const leave = () => {
    Atomics.sub(flags, CALLS, 1)
    Atomics.notify(flags, CALLS)
  }
  return async (call) => {
    Atomics.add(flags, CALLS, 1)
    if (Atomics.load(flags, CLOSED) === 1) {
      leave()
      // The thread is stopped any moment, and this is where that is safe.
      Atomics.wait(flags, CLOSED, 1)
    }
    try {
      return await call()
    } finally {
      leave()
    }
  }
}
