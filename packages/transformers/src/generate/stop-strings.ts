/** What a piece of text leads to. */
export interface StopResult {
  /** Text that is certain to belong to the answer. */
  readonly emit: string
  /** The stop string that was complete first; nothing follows then. */
  readonly stop: string | undefined
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
  let stop: string | undefined
  return {
    push(text) {
      if (stop !== undefined) return { emit: '', stop }
      const all = held + text
      const found = findFirstToEnd(all, stops)
      stop = found?.stop
      const emit = all.slice(0, found?.start ?? all.length - unfinishedLength(all, stops))
      held = found === undefined ? all.slice(emit.length) : ''
      return { emit, stop }
    },
    flush() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** The stop string that ends first, and where it begins. */
function findFirstToEnd(text: string, stops: readonly string[]) {
  let best: { readonly stop: string; readonly start: number; readonly end: number } | undefined
  for (const stop of stops) {
    const start = text.indexOf(stop)
    if (start === -1) continue
    const end = start + stop.length
    if (best === undefined || end < best.end || (end === best.end && start < best.start))
      best = { stop, start, end }
  }
  return best
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
