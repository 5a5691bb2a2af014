import { describe, expect, test } from 'vitest'
import { createKeyValuePool, type KeyValuePool } from './key-value-pool.js'

const shape = { layers: 2, heads: 2, headSize: 3 }
const WIDTH = shape.heads * shape.headSize

describe.each(['float32', 'float16'] as const)('a pool of %s keys and values', (dtype) => {
  /** Whole numbers below 65536, which stand for themselves in an array of bits, too. */
  const elements = (numbers: readonly number[]) =>
    dtype === 'float32' ? Float32Array.from(numbers) : Uint16Array.from(numbers)
  const rows = (first: number, count: number) =>
    elements(Array.from({ length: count * WIDTH }, (_, index) => first + index))

  /** A pool of four positions, with slots that hold 100, 200, … on. */
  function filled(slots: number, capacity = 4): KeyValuePool {
    const pool = createKeyValuePool({ ...shape, dtype }, capacity)
    pool.grow(slots)
    for (let slot = 0; slot < slots; slot++) {
      for (let layer = 0; layer < shape.layers; layer++) {
        const first = 100 * (slot + 1) + 1000 * layer
        pool.write(layer, slot, 0, { count: 2, keys: rows(first, 2), values: rows(first + 50, 2) })
      }
    }
    return pool
  }

  test('writes the rows of a token head by head, behind those that are there', () => {
    const pool = filled(1)
    pool.write(0, 0, 2, { count: 1, keys: rows(500, 1), values: rows(600, 1) })
    const [first, second] = [
      [100, 101, 102, 106, 107, 108, 500, 501, 502, 0, 0, 0],
      [103, 104, 105, 109, 110, 111, 503, 504, 505, 0, 0, 0],
    ]
    expect(pool.keys(0, 0, 1)).toEqual(elements([...first!, ...second!]))
    expect([...pool.values(0, 0, 1).subarray(6, 9)]).toEqual([600, 601, 602])
  })

  test('hands out slots that lie side by side as one array, which is the pool itself', () => {
    const pool = filled(3)
    const [both, last] = [pool.keys(1, 1, 2), pool.keys(1, 2, 1)]
    expect(both).toHaveLength(2 * last.length)
    expect(both.buffer).toBe(last.buffer)
    expect(both[0]).toBe(1200)
    expect([...both.subarray(last.length)]).toEqual([...last])
  })

  test('copies the beginning of a slot into a pool of another capacity', () => {
    const longer = filled(1, 7)
    longer.copy({ pool: filled(2), slot: 1, length: 1 }, 0)
    const keys = longer.keys(1, 0, 1)
    expect([...keys.subarray(0, 6)]).toEqual([1200, 1201, 1202, 1106, 1107, 1108])
    expect([...keys.subarray(21, 27)]).toEqual([1203, 1204, 1205, 1109, 1110, 1111])
  })

  test('exchanges two slots, and keeps all of them when it grows', () => {
    const pool = filled(2)
    const before = filled(2)
    pool.swap(0, 1)
    pool.grow(2)
    for (let layer = 0; layer < shape.layers; layer++) {
      expect(pool.keys(layer, 0, 1)).toEqual(before.keys(layer, 1, 1))
      expect(pool.values(layer, 1, 1)).toEqual(before.values(layer, 0, 1))
    }
    expect(pool.slots).toBe(4)
  })

  test('stays as it was when there is no memory to grow', () => {
    const pool = filled(2)
    expect(() => pool.grow(2 ** 50)).toThrow(RangeError)
    expect(pool.slots).toBe(2)
    expect(pool.byteLength).toBe(filled(2).byteLength)
    expect(pool.values(1, 0, 2)).toEqual(filled(2).values(1, 0, 2))
  })
})

test('float16 takes half the bytes of float32', () => {
  const bytes = (dtype: 'float32' | 'float16') => {
    const pool = createKeyValuePool({ ...shape, dtype }, 4)
    pool.grow(3)
    return pool.byteLength
  }
  expect(bytes('float32')).toBe(2 * shape.layers * 3 * WIDTH * 4 * 4)
  expect(bytes('float16')).toBe(bytes('float32') / 2)
})
