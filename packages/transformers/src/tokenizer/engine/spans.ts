import { widthOf } from './pattern/character-set.js'
import type { Steps } from './steps.js'

/**
 * Where each UTF-16 unit of a text on its way to the model comes from: its start and its end in the text as it was given,
 * [2 · units].
 */
export type Spans = Int32Array

/** A place for the spans of a text, which whoever rewrites the text replaces by those of the result. */
export interface Traced {
  spans: Spans
}

/** Of a text as it was given. */
export const ownSpans = (length: number): Spans =>
  Int32Array.from({ length: 2 * length }, (_, index) => (index + 1) >> 1)

/** Of the units from `start` to `end`. */
export const slicedSpans = (spans: Spans | undefined, start: number, end: number): Spans | undefined =>
  spans?.subarray(2 * start, 2 * end)

/** Of all of a text, from its first unit to its last. */
export const wholeSpan = (spans: Spans): readonly [start: number, end: number] => [spans[0]!, spans.at(-1)!]

/**
 * Of a text whose parts were rewritten one behind the other. The first character of a new part comes from the first one of
 * the old part, the second from the second, and what there is more of from the last; what is put in from the next one.
 */
export function rewrittenSpans(
  spans: Spans,
  parts: Iterable<readonly [before: string, after: string]>,
): Spans {
  const made: number[] = []
  let start = 0
  for (const [before, after] of parts) {
    const end = start + before.length
    let from = before === '' && 2 * start >= spans.length ? Math.max(start - 1, 0) : start
    let old = 0
    for (const character of after) {
      const width = before === '' ? 1 : widthOf(before.codePointAt(old)!)
      const [first, last] = [spans[2 * from] ?? 0, spans[2 * (from + width) - 1] ?? 0]
      for (let unit = 0; unit < character.length; unit++) made.push(first, last)
      if (old + width >= before.length) continue
      old += width
      from += width
    }
    start = end
  }
  return Int32Array.from(made)
}

/** Spans of texts one behind the other. */
export function joinedSpans(all: readonly Spans[]): Spans {
  const joined = new Int32Array(all.reduce((length, spans) => length + spans.length, 0))
  let start = 0
  for (const spans of all) {
    joined.set(spans, start)
    start += spans.length
  }
  return joined
}

/** Characters that are rewritten part by part between two pauses: some milliseconds of work. */
const TRACE_EVERY = 512

/**
 * Of what `rewrite` has made of a text. Where it does not treat the parts by themselves, all of the result comes from all of
 * the text.
 */
export function* spansOfParts(
  spans: Spans,
  result: string,
  rewrite: (part: string) => string,
  parts: Iterable<string>,
): Steps<Spans> {
  const pairs: (readonly [before: string, after: string])[] = []
  let characters = 0
  for (const part of parts) {
    pairs.push([part, rewrite(part)])
    characters += part.length
    if (characters < TRACE_EVERY) continue
    characters = 0
    yield
  }
  if (pairs.map(([, after]) => after).join('') === result) return rewrittenSpans(spans, pairs)
  return Int32Array.from({ length: 2 * result.length }, (_, index) => wholeSpan(spans)[index % 2]!)
}
