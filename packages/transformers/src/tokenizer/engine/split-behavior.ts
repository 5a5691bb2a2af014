import type { Segment } from './pattern/pattern.js'

/** What becomes of the matches of a pattern that splits a text. */
export const splitBehaviors = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const

export type SplitBehavior = (typeof splitBehaviors)[number]

/** A part of a text, `[start, end)`. */
export type Range = readonly [start: number, end: number]

/** The parts that a behaviour makes of the segments of a text. */
export function* applyBehavior(segments: Iterable<Segment>, behavior: SplitBehavior): Generator<Range> {
  if (behavior === 'Removed') {
    for (const { start, end, isMatch } of segments) if (!isMatch) yield [start, end]
  } else if (behavior === 'Isolated') {
    for (const { start, end } of segments) yield [start, end]
  } else {
    yield* merged(segments, joins[behavior])
  }
}

/** Whether a segment is joined to the part before it. `alone`: that part has one segment only. */
type Join = (before: Segment, segment: Segment, alone: boolean) => boolean

const joins: { readonly [behavior in Exclude<SplitBehavior, 'Removed' | 'Isolated'>]: Join } = {
  MergedWithPrevious: (before, segment) => segment.isMatch && !before.isMatch,
  MergedWithNext: (before, segment, alone) => before.isMatch && alone && !segment.isMatch,
  Contiguous: (before, segment) => segment.isMatch === before.isMatch,
}

function* merged(segments: Iterable<Segment>, joins: Join): Generator<Range> {
  let part: { start: number; last: Segment; alone: boolean } | undefined
  for (const segment of segments) {
    if (part !== undefined && joins(part.last, segment, part.alone)) {
      part.last = segment
      part.alone = false
    } else {
      if (part !== undefined) yield [part.start, part.last.end]
      part = { start: segment.start, last: segment, alone: true }
    }
  }
  if (part !== undefined) yield [part.start, part.last.end]
}
