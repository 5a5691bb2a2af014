const turns = new WeakMap<object, Promise<unknown>>()

/**
 * Does the work of one owner one after the other. Work in slices lets the event loop run between two of them, but as many
 * at once would add up to one long slice.
 *
 * @throws what `work` throws.
 */
export function inTurn<Result>(owner: object, work: () => Promise<Result>): Promise<Result> {
  const mine = (turns.get(owner) ?? Promise.resolve()).then(work)
  turns.set(
    owner,
    mine.then(
      () => {},
      () => {},
    ),
  )
  return mine
}
