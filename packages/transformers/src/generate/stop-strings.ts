/** What a piece of text leads to. */
export interface StopResult {
  /** Text that is certain to belong to the answer. */
  readonly emit: string
  /** True from the first complete stop string on; nothing follows then. */
  readonly stopped: boolean
}

/** Ends streamed text before the first stop string. */
export interface StopMatcher {
  push(text: string): StopResult
  /** The text that was held back because it might have become a stop string. */
  flush(): string
}

/**
 * Looks for stop strings across pieces of text. Text that may be the beginning of one is held back. The stop string
 * that is complete first counts, the longest one if several end together, so the result does not depend on where
 * the text was cut.
 */
export function createStopStrings(stops: readonly string[]): StopMatcher {
  let held = ''
  let stopped = false
  return {
    push(text) {
      if (stopped) return { emit: '', stopped }
      const all = held + text
      const start = findFirstToEnd(all, stops)
      stopped = start !== undefined
      const emit = all.slice(0, start ?? all.length - unfinishedLength(all, stops))
      held = stopped ? '' : all.slice(emit.length)
      return { emit, stopped }
    },
    flush() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** Where the stop string begins that ends first. */
function findFirstToEnd(text: string, stops: readonly string[]): number | undefined {
  let best: { start: number; end: number } | undefined
  for (const stop of stops) {
    const start = text.indexOf(stop)
    if (start === -1) continue
    const end = start + stop.length
    if (best === undefined || end < best.end || (end === best.end && start < best.start))
      best = { start, end }
  }
  return best?.start
}

/** Length of the longest end of `text` that is a beginning of a stop string. */
function unfinishedLength(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
