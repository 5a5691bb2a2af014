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
  /** Tokens of each word of the document. */
  readonly tokens: readonly number[]
  /** Tokens of a window at most. */
  readonly room: number
  /** Words of a window at most. */
  readonly size: number
  /** Words that a window has in common with the one before; fewer than `size`. */
  readonly overlap: number
}

/** A window over everything. */
export const wholeWindow = (words: number): Window => ({ start: 0, end: words, ownsFrom: 0, ownsTo: words })

/**
 * Parts of a document that overlap, each as long as its words and their tokens allow. Each word begins entities of one window
 * only, the one that sees it with half of the overlap on either side at least: every span of up to half of the overlap is
 * scored exactly once, and none is cut. Where words have so many tokens that a window is shorter than `size`, neighbours
 * have at most half of it in common; a word that alone has more tokens than there is room for is a window of its own.
 */
export function windowsOf(request: WindowRequest): readonly Window[] {
  const { tokens, room } = request
  const windows: Window[] = []
  for (let from = 0; from < tokens.length; ) {
    let to = from
    while (to < tokens.length && tokens[to]! <= room) to++
    if (to > from) windows.push(...within(from, to, request))
    else windows.push({ start: from, end: ++to, ownsFrom: from, ownsTo: to })
    from = to
  }
  return windows.length === 0 ? [wholeWindow(0)] : windows
}

/** Windows over words that fit each by itself. */
function within(from: number, to: number, { tokens, room, size, overlap }: WindowRequest): readonly Window[] {
  const windows: Window[] = []
  let ownsFrom = from
  for (let start = from; ; ) {
    let end = start
    for (let used = 0; end < to && end - start < size && used + tokens[end]! <= room; end++)
      used += tokens[end]!
    if (end === to) return [...windows, { start, end, ownsFrom, ownsTo: to }]
    const common = end - start === size ? overlap : Math.min(overlap, Math.floor((end - start) / 2))
    const ownsTo = end - common + Math.floor(common / 2)
    windows.push({ start, end, ownsFrom, ownsTo })
    ;[start, ownsFrom] = [end - common, ownsTo]
  }
}
