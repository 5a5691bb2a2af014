import { expect, test } from 'vitest'
import { growingCacheArray } from './cache-array.js'

const MiB = 2 ** 20

test.each(['float32', 'float16'] as const)(
  'an array of %s keeps what it holds, and is zero behind it',
  (dtype) => {
    const cache = growingCacheArray({ dtype })
    // Across the end of the addresses that it begins with.
    const lengths = [3, 5, 7 * MiB, 17 * MiB]
    for (const [index, length] of lengths.entries()) {
      cache.resize(length)
      expect(cache.array).toHaveLength(length)
      expect([...cache.array.subarray(0, index + 1)]).toEqual(
        [...Array(index).keys()].map((at) => at + 1).concat(0),
      )
      expect(cache.array.at(-1)).toBe(0)
      cache.array[index] = index + 1
    }
    cache.resize(2)
    cache.resize(4)
    expect([...cache.array]).toEqual([1, 2, 0, 0])
  },
)

test('it grows where it lies as long as it has addresses, and stays as it was where there are none', () => {
  const cache = growingCacheArray({ dtype: 'float32' })
  cache.resize(1)
  const { buffer } = cache.array
  cache.resize(2 * MiB)
  expect(cache.array.buffer).toBe(buffer)
  expect(() => cache.resize(2 ** 40)).toThrow(RangeError)
  expect(cache.array).toHaveLength(2 * MiB)
})
