import { widthOf } from './pattern/character-set.js'

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

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Parts of a text that a normalizer looks at together. */
export function* graphemes(text: string): Generator<string> {
  for (const { segment } of segmenter.segment(text)) yield segment
}

/**
 * Notes where the text comes from that `rewrite` makes of a text. Where it does not treat parts by themselves, all of the
 * result comes from all of the text.
 */
export function traceRewriting(
  traced: Traced,
  text: string,
  result: string,
  rewrite: (part: string) => string,
  parts: Iterable<string> = graphemes(text),
): void {
  const pairs = Array.from(parts, (part) => [part, rewrite(part)] as const)
  const isByParts = pairs.map(([, after]) => after).join('') === result
  traced.spans = isByParts
    ? rewrittenSpans(traced.spans, pairs)
    : Int32Array.from({ length: 2 * result.length }, (_, index) => wholeSpan(traced.spans)[index % 2]!)
}
