import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Candidate } from './candidate.js'
import { chooseSpans } from './choose-spans.js'
import { spanCandidates } from './span-candidates.js'
import { tokenCandidates } from './token-candidates.js'

const span = (start: number, end: number, score: number, label = 0): Candidate => ({
  ...{ start, end, label, score },
})
const flat = { flatNer: true, multiLabel: false }
const nested = { flatNer: false, multiLabel: false }

test('of spans that share a word the better one is kept, of equal ones the first', () => {
  expect(chooseSpans([span(0, 2, 0.6), span(2, 3, 0.9), span(4, 4, 0.5)], flat)).toEqual([
    span(2, 3, 0.9),
    span(4, 4, 0.5),
  ])
  expect(chooseSpans([span(0, 1, 0.6), span(1, 2, 0.6)], flat)).toEqual([span(0, 1, 0.6)])
})

test('nested spans may lie within each other, and may not cross', () => {
  const outer = span(0, 4, 0.7)
  expect(chooseSpans([outer, span(1, 2, 0.6), span(3, 5, 0.65)], nested)).toEqual([outer, span(1, 2, 0.6)])
})

test('as each is compared with every better one', () => {
  const candidates = fc.array(
    fc.record({
      start: fc.nat(30),
      width: fc.integer({ min: 1, max: 8 }),
      score: fc.constantFrom(0.5, 0.6, 0.7, 0.8),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(candidates, fc.boolean(), (drawn, flatNer) => {
      const all = drawn.map(({ start, width, score }) => span(start, start + width - 1, score))
      const kept: Candidate[] = []
      for (const one of [...all].sort((a, b) => b.score - a.score)) {
        const clashes = kept.some((other) => {
          if (one.start > other.end || other.start > one.end) return false
          const isSame = one.start === other.start && one.end === other.end
          const nests = (a: Candidate, b: Candidate) => a.start >= b.start && a.end <= b.end
          return isSame || flatNer || (!nests(one, other) && !nests(other, one))
        })
        if (!clashes) kept.push(one)
      }
      kept.sort((a, b) => a.start - b.start)
      expect(chooseSpans(all, { flatNer, multiLabel: false })).toEqual(kept)
    }),
  )
})

test('a span has one label, or any number', () => {
  const both = [span(0, 1, 0.6, 0), span(0, 1, 0.7, 1)]
  expect(chooseSpans(both, flat)).toEqual([both[1]])
  expect(chooseSpans(both, { flatNer: true, multiLabel: true })).toEqual([both[1], both[0]])
})

test('a score has to be greater than the threshold, and a span has to end within the text', () => {
  // [words, widths, labels]: the probability of a logit of 0 is 0.5.
  const data = Float32Array.of(0, 1, 1, 1)
  const logits = { data, labelStride: 1, labels: 1, words: 2 }
  expect(spanCandidates(logits, 2, 0.5).map(({ start, end }) => [start, end])).toEqual([
    [0, 1],
    [1, 1],
  ])
})

test('labels of other texts of the batch are not looked at', () => {
  const logits = { data: Float32Array.of(9, 9), labelStride: 2, labels: 1, words: 1 }
  expect(spanCandidates(logits, 1, 0.5).map(({ label }) => label)).toEqual([0])
})

test('every word of an entity is inside of it, where equal to the threshold is enough', () => {
  // [words, labels, start and end and inside]
  const [yes, no, equal] = [2, -2, 0]
  const words = [
    [yes, no, yes],
    [no, no, equal],
    [no, yes, yes],
    [no, yes, no],
  ]
  const logits = { data: Float32Array.from(words.flat()), labelStride: 1, labels: 1, words: 4 }
  expect(tokenCandidates(logits, 0.5)).toEqual([{ start: 0, end: 2, label: 0, score: 0.5 }])
})
