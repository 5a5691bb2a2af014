/** What a session has done so far, and what it is doing. */
export interface SessionCounters {
  /** Sequences that have room: their prompts are read, or their tokens are made. */
  readonly running: number
  /** Sequences that wait for room. */
  readonly waiting: number
  readonly cacheBytes: {
    /** Of sequences that have not ended. */
    readonly active: number
    /** Of those that have, for prompts that begin alike. */
    readonly kept: number
    /** All caches with their free slots. */
    readonly total: number
    /** As it was given; undefined where none was, and the memory of the machine limits them. */
    readonly budget: number | undefined
  }
  /** Tokens of prompts that were computed; those of a sequence that lost its room, again. */
  readonly promptTokens: number
  /** Tokens of prompts that were found in the cache. */
  readonly cachedTokens: number
  /** Those included that a sequence has chosen ahead and nobody asked for any more. */
  readonly generatedTokens: number
  /** Runs of the graph for sequences, and what they took. */
  readonly runs: number
  readonly runSeconds: number
  /** How often a sequence gave up its room for others. */
  readonly preemptions: number
}

export const NO_COUNTERS: SessionCounters = {
  ...{ running: 0, waiting: 0 },
  cacheBytes: { active: 0, kept: 0, total: 0, budget: undefined },
  ...{ promptTokens: 0, cachedTokens: 0, generatedTokens: 0, runs: 0, runSeconds: 0, preemptions: 0 },
}

/** Counters that are told to others from time to time. */
export interface CounterFeed {
  add(name: Sum, amount: number): void
  /** Counts a run of the graph, unless it fails, and what it takes. */
  run<Result>(run: () => Promise<Result>): Promise<Result>
  /** Tells them soon: at once, or as long after the last time as it has to be. */
  tell(): void
}

type Sum = 'promptTokens' | 'cachedTokens' | 'generatedTokens' | 'runs' | 'runSeconds' | 'preemptions'

/** Whoever reads counters does so every second or more rarely. */
const INTERVAL_MS = 250

/** @param state what is as it is at the moment. */
export function createCounterFeed(
  state: () => Omit<SessionCounters, Sum>,
  send: (counters: SessionCounters) => void,
): CounterFeed {
  const sums: Record<Sum, number> = { ...NO_COUNTERS }
  let sent = Number.NEGATIVE_INFINITY
  let later: NodeJS.Timeout | undefined
  const sendNow = () => {
    later = undefined
    sent = performance.now()
    send({ ...sums, ...state() })
  }
  return {
    add(name, amount) {
      sums[name] += amount
    },
    async run(run) {
      const started = performance.now()
      const result = await run()
      sums.runs += 1
      sums.runSeconds += (performance.now() - started) / 1000
      return result
    },
    tell() {
      const rest = sent + INTERVAL_MS - performance.now()
      if (later !== undefined) return
      if (rest <= 0) sendNow()
      else later = setTimeout(sendNow, rest).unref()
    },
  }
}
