import { setImmediate } from 'node:timers/promises'

/** Work that can be done in one go or in slices: it pauses often, and has a result at its end. */
export type Steps<Result> = Generator<undefined, Result, undefined>

/** Characters or tokens between two pauses: well below a millisecond of work. */
export const PAUSE_EVERY = 4096

/** A slice leaves time for a timer of ten milliseconds. */
const SLICE_MS = 8

/** Short work as the only step. */
export function asStep<Arguments extends unknown[], Result>(
  work: (...given: Arguments) => Result,
): (...given: Arguments) => Steps<Result> {
  return function* (...given) {
    yield
    return work(...given)
  }
}

/** Does the work in one go. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Does the work in slices, between which the event loop runs. Throws the reason of `signal`. */
export async function runInSlices<Result>(steps: Steps<Result>, signal?: AbortSignal): Promise<Result> {
  for (;;) {
    signal?.throwIfAborted()
    const until = performance.now() + SLICE_MS
    do {
      const step = steps.next()
      if (step.done) return step.value
    } while (performance.now() < until)
    await setImmediate()
  }
}
