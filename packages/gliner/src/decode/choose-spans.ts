import type { Candidate } from './candidate.js'

export interface ChooseOptions {
  /** No entity within another one. */
  readonly flatNer: boolean
  /** A span may have several labels. */
  readonly multiLabel: boolean
}

/**
 * The candidates that do not clash with a better one, by their start. Sorts are stable: of equal scores the one that is
 * enumerated first is taken, and of equal starts the better one comes first.
 */
export function chooseSpans(
  candidates: readonly Candidate[],
  { flatNer, multiLabel }: ChooseOptions,
): readonly Candidate[] {
  const kept: Candidate[] = []
  /** By their first word, each span once, whatever its labels. */
  const spans = new Map<number, Candidate[]>()
  let longest = 0
  const known = new Set<string>()
  /** Nothing that begins elsewhere has a word in common with the candidate. */
  const clashes = (candidate: Candidate): boolean => {
    for (let start = candidate.start - longest + 1; start <= candidate.end; start++) {
      if (spans.get(start)?.some((other) => clash(candidate, other, flatNer))) return true
    }
    return false
  }
  for (const candidate of [...candidates].sort((a, b) => b.score - a.score)) {
    const key = `${candidate.start} ${candidate.end}`
    if (known.has(key)) {
      if (multiLabel) kept.push(candidate)
      continue
    }
    if (clashes(candidate)) continue
    known.add(key)
    spans.set(candidate.start, [...(spans.get(candidate.start) ?? []), candidate])
    longest = Math.max(longest, candidate.end - candidate.start + 1)
    kept.push(candidate)
  }
  return kept.sort((a, b) => a.start - b.start)
}

/** Whether two different spans clash. */
function clash(a: Candidate, b: Candidate, flatNer: boolean): boolean {
  const disjoint = a.start > b.end || b.start > a.end
  if (disjoint || flatNer) return !disjoint
  const within = (inner: Candidate, outer: Candidate) => inner.start >= outer.start && inner.end <= outer.end
  return !within(a, b) && !within(b, a)
}
