import { describe, expect, test } from 'vitest'
import { ratio, type Sample, spread } from './samples.js'

test('the median of an even number of values lies between the two in the middle', () => {
  expect(spread([4, 1, 3, 10])).toEqual({ median: 3.5, least: 1, most: 10, count: 4 })
  expect(spread([7])).toEqual({ median: 7, least: 7, most: 7, count: 1 })
  expect(() => spread([])).toThrow(RangeError)
})

describe('ratio', () => {
  const sample = (round: number, contender: string, value: number): Sample => ({
    ...{ round, contender, value },
    figure: 'decode 128',
  })

  test('compares values of the same round: a slow minute hits both', () => {
    const samples = [sample(0, 'a', 20), sample(0, 'b', 10), sample(1, 'a', 2), sample(1, 'b', 1)]
    expect(ratio(samples, ['a', 'decode 128'], ['b', 'decode 128'])).toEqual({
      ...{ median: 2, least: 2, most: 2 },
      count: 2,
    })
  })

  test('leaves out rounds that lack one of the two', () => {
    const samples = [sample(0, 'a', 20), sample(1, 'a', 3), sample(1, 'b', 1)]
    expect(ratio(samples, ['a', 'decode 128'], ['b', 'decode 128'])?.median).toBe(3)
    expect(ratio(samples, ['a', 'decode 128'], ['c', 'decode 128'])).toBeUndefined()
  })
})
