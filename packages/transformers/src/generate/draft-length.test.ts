import { describe, expect, test } from 'vitest'
import { createDraftLength } from './draft-length.js'

/** Tokens drafted for each of some runs, of which `right` says how many are accepted. */
function draftFor(runs: number, longest: number, right: (drafted: number, run: number) => number): number[] {
  const length = createDraftLength(longest)
  return Array.from({ length: runs }, (_, run) => {
    const drafted = length.most
    length.record(drafted, drafted === 0 ? 0 : right(drafted, run))
    return drafted
  })
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, value) => total + value, 0)

describe('the length of drafts', () => {
  test('grows up to what is asked for while they are right', () => {
    expect(draftFor(5, 10, (drafted) => drafted)).toEqual([3, 7, 10, 10, 10])
    expect(draftFor(3, 2, (drafted) => drafted)).toEqual([2, 2, 2])
  })

  test('shrinks to what is right of them', () => {
    expect(draftFor(3, 10, (drafted, run) => (run === 0 ? 2 : drafted))).toEqual([3, 3, 7])
    expect(draftFor(4, 10, (drafted, run) => (run < 2 ? drafted : 3))).toEqual([3, 7, 10, 5])
  })

  test('makes an even number of rows with the token before them, as operators multiply them', () => {
    const drafted = draftFor(200, 63, (count, run) => (run * 7) % (count + 1))
    expect(drafted.filter((count) => count % 2 === 0 && count !== 0)).toEqual([])
  })

  test('is nothing for most tokens where drafts are never right', () => {
    expect(sum(draftFor(500, 10, () => 0))).toBeLessThan(50)
  })

  test('comes back where they begin to be right', () => {
    const drafted = draftFor(400, 10, (count, run) => (run < 60 ? 0 : count))
    expect(drafted.at(-1)).toBe(10)
  })
})
