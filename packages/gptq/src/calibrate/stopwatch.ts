/** Where the time of a calibration goes. */
export type CalibrationPhase = 'forward' | 'hessian' | 'factorization' | 'columns' | 'javascript'

/** Adds up seconds by phase. */
export interface Stopwatch {
  measure<T>(phase: CalibrationPhase, work: () => Promise<T>): Promise<T>
  add(phase: CalibrationPhase, seconds: number): void
  /** Seconds since the last call, by phase. */
  take(): Readonly<Partial<Record<CalibrationPhase, number>>>
}

export function createStopwatch(): Stopwatch {
  let seconds: Partial<Record<CalibrationPhase, number>> = {}
  const add = (phase: CalibrationPhase, more: number) => {
    seconds[phase] = (seconds[phase] ?? 0) + more
  }
  return {
    async measure(phase, work) {
      const start = performance.now()
      try {
        return await work()
      } finally {
        add(phase, (performance.now() - start) / 1000)
      }
    },
    add,
    take() {
      const taken = seconds
      seconds = {}
      return taken
    },
  }
}
