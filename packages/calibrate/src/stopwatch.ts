/** Adds up seconds by the phase of a calibration: "forward", "statistics", and what a method calls its own. */
export interface Stopwatch {
  measure<T>(phase: string, work: () => Promise<T>): Promise<T>
  add(phase: string, seconds: number): void
  /** Seconds since the last call, by phase. */
  take(): Readonly<Record<string, number>>
}

export function createStopwatch(): Stopwatch {
  let seconds: Record<string, number> = {}
  const add = (phase: string, more: number) => {
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
