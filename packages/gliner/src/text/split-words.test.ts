import { afterEach, expect, test, vi } from 'vitest'
import { splitWords, splitWordsAsync } from './split-words.js'

afterEach(() => vi.restoreAllMocks())

const wordsOf = (text: string) => splitWords(text).map((word) => word.text)

test('words hold letters, digits and underscores of any script, and single hyphens between', () => {
  expect(wordsOf("l'été a-b_c -d e-- ٣Ⅷ")).toEqual([
    ...['l', "'", 'été', 'a-b_c', '-', 'd', 'e', '-', '-', '٣Ⅷ'],
  ])
})

test('white space is what Python calls so', () => {
  expect(wordsOf('a\u001cb\u001f\u0085\u00a0\u3000c\ufeffd')).toEqual(['a', 'b', 'c', '\ufeff', 'd'])
})

test('offsets are those of the string', () => {
  expect(splitWords('👩 is 👩‍👧')).toContainEqual({ start: 3, end: 5, text: 'is' })
})

test('a word may be as long as the text', () => {
  const long = 'a-'.repeat(3_000_000)
  expect(splitWords(`${long}b_ c`).map(({ start, end }) => [start, end])).toEqual([
    [0, long.length + 2],
    [long.length + 3, long.length + 4],
  ])
})

test('a long text is split between the turns of others, as far as it is of use', async () => {
  // On this clock, every look at it ends a slice.
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000))
  let turns = 0
  let others = setImmediate(function turn() {
    turns++
    others = setImmediate(turn)
  })
  const text = `a-b ${'. '.repeat(20_000)}${' '.repeat(20_000)}c`
  const words = await splitWordsAsync(text)
  clearImmediate(others)
  expect(words).toEqual(splitWords(text))
  expect(turns).toBeGreaterThan(100)
  await expect(splitWordsAsync(text, { most: 1000 })).rejects.toMatchObject({
    ...{ code: 'TEXT_TOO_LONG', expected: 1000 },
  })
})
