/** Sequences that run at the same time are computed together; more of them take memory and gain little. */
const AT_ONCE = 16

/**
 * Results of items, in their order; some of them run at a time. When one fails, those that run are aborted, and none begins.
 *
 * @throws what the first of them throws, once all have ended.
 */
export async function runTogether<Item, Result>(
  items: readonly Item[],
  run: (item: Item, signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<readonly Result[]> {
  const failure = new AbortController()
  const either = signal === undefined ? failure.signal : AbortSignal.any([failure.signal, signal])
  const results: Result[] = new Array(items.length)
  const waiting = items.entries()
  const runners = Array.from({ length: Math.min(AT_ONCE, items.length) }, async () => {
    for (const [index, item] of waiting) {
      either.throwIfAborted()
      results[index] = await run(item, either)
    }
  })
  try {
    await Promise.all(runners)
    return results
  } catch (error) {
    failure.abort(error)
    await Promise.allSettled(runners)
    throw error
  }
}
