import type { Steps } from './steps.js'

/** Long enough for the built-in functions to be quick, short enough for a pause between two. */
const CHUNK = 1 << 15

/**
 * Applies a function to a long text chunk by chunk. Cuts are made between two letters, digits or spaces of ASCII: no
 * form of normalization, no change of case and no grapheme reaches across. A text without such a place is not cut.
 */
export function* inChunks(text: string, apply: (chunk: string) => string): Steps<string> {
  if (text.length <= CHUNK) return apply(text)
  const parts: string[] = []
  let from = 0
  while (from < text.length) {
    const to = cutBehind(text, from + CHUNK)
    parts.push(apply(text.slice(from, to)))
    from = to
    yield
  }
  return parts.join('')
}

function cutBehind(text: string, at: number): number {
  for (let cut = at; cut < text.length; cut++) {
    if (isPlain(text.charCodeAt(cut - 1)) && isPlain(text.charCodeAt(cut))) return cut
  }
  return text.length
}

function isPlain(unit: number): boolean {
  return (
    unit === 0x20 ||
    (unit >= 0x30 && unit <= 0x39) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x61 && unit <= 0x7a)
  )
}
