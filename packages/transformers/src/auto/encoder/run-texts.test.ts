import { expect, test } from 'vitest'
import { textBatches } from './run-texts.js'

const texts = (...lengths: number[]) => lengths.map((length) => ({ ids: new Array<number>(length).fill(0) }))

test('texts of like lengths are computed together, the longest first', () => {
  const lengths = [8, 300, 40, 250, 30, 260, 20, 10]
  const batches = textBatches(texts(...lengths))
  expect(batches.flat().map((index) => lengths[index])).toEqual(lengths.toSorted((a, b) => b - a))
  for (const batch of batches) {
    const rows = batch.reduce((sum, index) => sum + lengths[index]!, 0)
    expect(batch.length === 1 || rows <= 512, String(rows)).toBe(true)
  }
  expect(batches.at(-1)!.length).toBeGreaterThan(2)
})

test('a text that is longer than a run is large has one of its own; no texts have none', () => {
  expect(textBatches(texts(4000, 4000))).toEqual([[0], [1]])
  expect(textBatches([])).toEqual([])
})
