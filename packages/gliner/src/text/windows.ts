/** Words `start` to before `end`, and, of these, the ones whose entities it decides on. */
export interface Window {
  readonly start: number
  readonly end: number
  /** Entities that begin from here on, in words of the document. */
  readonly ownsFrom: number
  /** And before here. */
  readonly ownsTo: number
}

export interface WindowRequest {
  readonly words: number
  /** Words of a window at most. */
  readonly size: number
  /** Words that a window has in common with the one before. */
  readonly overlap: number
}

/**
 * Parts of a document that overlap. Each word begins entities of one window only, the one that sees it with half of the
 * overlap on either side at least: every span of up to half of the overlap is scored exactly once, and none is cut.
 */
export function windowsOf({ words, size, overlap }: WindowRequest): readonly Window[] {
  const starts = [0]
  while (starts.at(-1)! + size < words) starts.push(starts.at(-1)! + size - overlap)
  const margin = Math.floor(overlap / 2)
  return starts.map((start, index) => ({
    start,
    end: Math.min(start + size, words),
    ownsFrom: index === 0 ? 0 : start + margin,
    ownsTo: index === starts.length - 1 ? words : starts[index + 1]! + margin,
  }))
}

/**
 * The most words for a window such that every window has room for its tokens; the least that an overlap leaves where no
 * number of words does.
 *
 * @param tokens of each word of the document
 * @param room tokens that a window may have
 */
export function fittingSize(
  tokens: readonly number[],
  room: number,
  { size, overlap }: Pick<WindowRequest, 'size' | 'overlap'>,
): number {
  const before = [0]
  for (const count of tokens) before.push(before.at(-1)! + count)
  const fits = (size: number) =>
    windowsOf({ words: tokens.length, size, overlap }).every(
      ({ start, end }) => before[end]! - before[start]! <= room,
    )
  const least = overlap + 1
  let words = size
  while (words > least && !fits(words)) words -= 1
  return words
}
