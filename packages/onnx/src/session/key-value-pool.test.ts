import { describe, expect, test } from 'vitest'
import { createKeyValuePool, type KeyValuePool } from './key-value-pool.js'

const layer = { kind: 'kv', heads: 2, headSize: 3 } as const
const shape = { layers: [layer, layer] }
const WIDTH = layer.heads * layer.headSize
/** Three positions of a head that nothing was written to. */
const ZEROS = new Array(3 * layer.headSize).fill(0)

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
      for (let layer = 0; layer < shape.layers.length; layer++) {
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
    expect(pool.read(0, 0, 1).keys).toEqual(elements([...first!, ...second!]))
    expect([...pool.read(0, 0, 1).values.subarray(6, 9)]).toEqual([600, 601, 602])
  })

  test('hands out slots that lie side by side as one array, which is the pool itself', () => {
    const pool = filled(3)
    const [both, last] = [pool.read(1, 1, 2).keys, pool.read(1, 2, 1).keys]
    expect(both).toHaveLength(2 * last.length)
    expect(both.buffer).toBe(last.buffer)
    expect(both[0]).toBe(1200)
    expect([...both.subarray(last.length)]).toEqual([...last])
  })

  test('copies the beginning of a slot into a pool of another capacity, and leaves zeros behind it', () => {
    const longer = filled(1, 7)
    longer.copy({ pool: filled(2), slot: 1, length: 1 }, 0)
    const keys = longer.read(1, 0, 1).keys
    expect([...keys.subarray(0, 6)]).toEqual([1200, 1201, 1202, 0, 0, 0])
    expect([...keys.subarray(21, 27)]).toEqual([1203, 1204, 1205, 0, 0, 0])
  })

  test('exchanges two slots, and keeps all of them when it grows', () => {
    const pool = filled(2)
    const before = filled(2)
    pool.swap(0, 1)
    pool.grow(2)
    for (let layer = 0; layer < shape.layers.length; layer++) {
      expect(pool.read(layer, 0, 1).keys).toEqual(before.read(layer, 1, 1).keys)
      expect(pool.read(layer, 1, 1).values).toEqual(before.read(layer, 0, 1).values)
    }
    expect(pool.slots).toBe(4)
  })

  test('keeps every position, and has zeros behind it, when its slots become longer', () => {
    const pool = filled(3)
    pool.widen(7)
    expect(pool.capacity).toBe(7)
    const longer = createKeyValuePool({ ...shape, dtype }, 7)
    longer.grow(3)
    for (let slot = 0; slot < 3; slot++) longer.copy({ pool: filled(3), slot, length: 2 }, slot)
    for (let layer = 0; layer < shape.layers.length; layer++)
      expect(pool.read(layer, 0, 3)).toEqual(longer.read(layer, 0, 3))
  })

  test('has zeros in slots that were given back and added again', () => {
    const pool = filled(2)
    pool.shrink(1)
    pool.grow(1)
    expect(pool.read(0, 1, 1).keys.every((value) => value === 0)).toBe(true)
    expect(pool.read(0, 0, 1)).toEqual(filled(1).read(0, 0, 1))
  })

  test('has zeros behind what is left of a sequence, and nothing else where one was forgotten', () => {
    const pool = filled(2)
    pool.truncate(0, 1, 2)
    expect(pool.read(1, 0, 1).keys).toEqual(
      elements([1100, 1101, 1102, ...ZEROS, 1103, 1104, 1105, ...ZEROS]),
    )
    pool.clear(0)
    expect(pool.read(1, 0, 1).values).toEqual(elements([...ZEROS, 0, 0, 0, ...ZEROS, 0, 0, 0]))
    expect(pool.read(1, 1, 1).keys).toEqual(filled(2).read(1, 1, 1).keys)
  })

  test('stays as it was when there is no memory to grow', () => {
    const pool = filled(2)
    expect(() => pool.grow(2 ** 50)).toThrow(RangeError)
    expect(() => pool.widen(2 ** 50)).toThrow(RangeError)
    expect(pool.capacity).toBe(4)
    expect(pool.slots).toBe(2)
    expect(pool.byteLength).toBe(filled(2).byteLength)
    expect(pool.read(1, 0, 2).values).toEqual(filled(2).read(1, 0, 2).values)
  })
})

test('float16 takes half the bytes of float32', () => {
  const bytes = (dtype: 'float32' | 'float16') => {
    const pool = createKeyValuePool({ ...shape, dtype }, 4)
    pool.grow(3)
    return pool.byteLength
  }
  expect(bytes('float32')).toBe(2 * shape.layers.length * 3 * WIDTH * 4 * 4)
  expect(bytes('float16')).toBe(bytes('float32') / 2)
})

test('layers may differ in their heads, and a layer that shares the cache of another one has none', () => {
  const wide = { kind: 'kv', heads: 1, headSize: 8 } as const
  const pool = createKeyValuePool({ layers: [layer, { kind: 'shared', with: 0 }, wide] }, 4)
  pool.grow(1)
  expect(pool.read(0, 0, 1).shape).toEqual([1, 2, 4, 3])
  expect(pool.read(2, 0, 1).shape).toEqual([1, 1, 4, 8])
  expect(pool.byteLength).toBe(2 * 4 * (4 * WIDTH + 4 * 8))
})

test('a layer with a window keeps the tokens of the window, however long the sequence is', () => {
  const pool = createKeyValuePool({ layers: [{ ...layer, window: 8 }] }, 4096)
  pool.grow(1)
  for (let position = 0; position < 1000; position++) {
    const keys = new Float32Array(WIDTH).fill(position)
    pool.write(0, 0, position, { count: 1, keys, values: keys })
  }
  const { keys, shape: stored } = pool.read(0, 0, 1)
  const dropped = pool.dropped(0, 0)
  expect(stored).toEqual([1, 2, 128, 3])
  expect(dropped).toBe(960)
  for (let position = dropped; position < 1000; position++)
    expect(keys[(position - dropped) * 3]).toBe(position)
  expect(keys.subarray((1000 - dropped) * 3, 128 * 3).every((value) => value === 0)).toBe(true)
})
