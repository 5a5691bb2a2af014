import { expect, test } from 'vitest'
import { planRuns } from './plan-runs.js'

const MIB = 2 ** 20
const sizes = [
  { words: 100, labels: 10 },
  { words: 50, labels: 20 },
  { words: 10, labels: 4 },
]

test('batches stay what they are where no pairs are held, or few', () => {
  const whole = [
    [{ texts: [0, 1], labelsFrom: 0, labelsTo: 20 }],
    [{ texts: [2], labelsFrom: 0, labelsTo: 4 }],
  ]
  expect(planRuns([[0, 1], [2]], sizes, 0)).toEqual(whole)
  expect(planRuns([[0, 1], [2]], sizes, 16)).toEqual(whole)
})

test('texts that would hold too many pairs beside each other are computed one after the other', () => {
  // 2000 pairs: the first text by itself, since beside the second one both have 100 words and 20 labels.
  const pairSize = (64 * MIB) / 2000
  expect(planRuns([[0, 1, 2]], sizes, pairSize)).toEqual([
    [{ texts: [0], labelsFrom: 0, labelsTo: 10 }],
    [{ texts: [1, 2], labelsFrom: 0, labelsTo: 20 }],
  ])
})

test('a text that has too many pairs by itself is computed for some of its labels at a time', () => {
  expect(planRuns([[0]], sizes, (64 * MIB) / 400)).toEqual([
    [
      { texts: [0], labelsFrom: 0, labelsTo: 4 },
      { texts: [0], labelsFrom: 4, labelsTo: 8 },
      { texts: [0], labelsFrom: 8, labelsTo: 10 },
    ],
  ])
  expect(planRuns([[0]], sizes, 1024 * MIB)[0]).toHaveLength(10)
})
