import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { windowsOf } from './windows.js'

const ones = (words: number): number[] => new Array(words).fill(1)
const everywhere = Number.POSITIVE_INFINITY

describe('parts of a long text', () => {
  test('a text that fits is one part', () => {
    expect(windowsOf({ tokens: ones(10), room: everywhere, size: 10, overlap: 4 })).toEqual([
      { start: 0, end: 10, ownsFrom: 0, ownsTo: 10 },
    ])
  })

  test('overlap, and each word begins entities of one part alone', () => {
    expect(windowsOf({ tokens: ones(17), room: everywhere, size: 10, overlap: 4 })).toEqual([
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
    const windows = windowsOf({ tokens: ones(words), room: everywhere, size, overlap })
    const longest = Math.floor(overlap / 2) + 1
    for (let start = 0; start < words; start++) {
      const own = windows.filter(({ ownsFrom, ownsTo }) => start >= ownsFrom && start < ownsTo)
      expect(own).toHaveLength(1)
      expect(own[0]!.end).toBeGreaterThanOrEqual(Math.min(start + longest, words))
      expect(own[0]!.start).toBeLessThanOrEqual(Math.max(start - Math.floor(overlap / 2), 0))
    }
  })

  test('are shorter where words have many tokens, and there alone', () => {
    const tokens = [...new Array(100).fill(2), ...new Array(20).fill(10), ...new Array(100).fill(2)]
    const windows = windowsOf({ tokens, room: 40, size: 20, overlap: 4 })
    const longest = windows.map(({ start, end }) => end - start)
    expect(longest[0]).toBe(20)
    expect(Math.min(...longest)).toBe(4)
    expect(longest.at(-2)).toBe(20)
  })

  test('a word that has more tokens than there is room for is one of its own, and costs the others nothing', () => {
    const tokens = ones(1000)
    tokens[400] = 600
    const windows = windowsOf({ tokens, room: 480, size: 384, overlap: 22 })
    expect(windows).toContainEqual({ start: 400, end: 401, ownsFrom: 400, ownsTo: 401 })
    expect(windows).toHaveLength(5)
  })

  test('have room for their tokens, own every word once, and are not many more than are needed', () => {
    const request = fc.record({
      tokens: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 200 }),
      room: fc.integer({ min: 1, max: 60 }),
      size: fc.integer({ min: 5, max: 40 }),
      overlap: fc.integer({ min: 0, max: 4 }),
    })
    fc.assert(
      fc.property(request, (request) => {
        const { tokens, room, size } = request
        const windows = windowsOf(request)
        const owned = windows.flatMap(({ ownsFrom, ownsTo }) =>
          Array.from({ length: ownsTo - ownsFrom }, (_, word) => ownsFrom + word),
        )
        expect(owned).toEqual(tokens.map((_, word) => word))
        for (const { start, end, ownsFrom, ownsTo } of windows) {
          expect(start <= ownsFrom && ownsTo <= end && end - start <= size).toBe(true)
          const used = tokens.slice(start, end).reduce((sum, count) => sum + count, 0)
          expect(used <= room || end - start === 1).toBe(true)
        }
        expect(windows.length).toBeLessThanOrEqual(1 + tokens.length)
      }),
    )
  })
})
