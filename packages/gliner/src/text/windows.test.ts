import { describe, expect, test } from 'vitest'
import { fittingSize, windowsOf } from './windows.js'

describe('parts of a long text', () => {
  test('a text that fits is one part', () => {
    expect(windowsOf({ words: 10, size: 10, overlap: 4 })).toEqual([
      { start: 0, end: 10, ownsFrom: 0, ownsTo: 10 },
    ])
  })

  test('overlap, and each word begins entities of one part alone', () => {
    expect(windowsOf({ words: 17, size: 10, overlap: 4 })).toEqual([
      { start: 0, end: 10, ownsFrom: 0, ownsTo: 8 },
      { start: 6, end: 16, ownsFrom: 8, ownsTo: 14 },
      { start: 12, end: 17, ownsFrom: 14, ownsTo: 17 },
    ])
  })

  test.each([
    [1000, 40, 8],
    [41, 40, 8],
    [73, 9, 8],
    [97, 10, 9],
  ])('%i words by %i with %i in common: no span of half the overlap is cut', (words, size, overlap) => {
    const windows = windowsOf({ words, size, overlap })
    const longest = Math.floor(overlap / 2) + 1
    for (let start = 0; start < words; start++) {
      const own = windows.filter(({ ownsFrom, ownsTo }) => start >= ownsFrom && start < ownsTo)
      expect(own).toHaveLength(1)
      expect(own[0]!.end).toBeGreaterThanOrEqual(Math.min(start + longest, words))
      expect(own[0]!.start).toBeLessThanOrEqual(Math.max(start - Math.floor(overlap / 2), 0))
    }
  })

  test('have as many words as leave room for all of their tokens', () => {
    const tokens = new Array(100).fill(2)
    expect(fittingSize(tokens, 200, { size: 50, overlap: 4 })).toBe(50)
    expect(fittingSize(tokens, 41, { size: 50, overlap: 4 })).toBe(20)
    const around = (long: number) => [...tokens.slice(0, 50), long, ...tokens.slice(51)]
    expect(fittingSize(around(30), 41, { size: 50, overlap: 4 })).toBe(6)
    expect(fittingSize(around(300), 41, { size: 50, overlap: 4 })).toBe(5)
  })
})
