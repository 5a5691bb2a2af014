import { expect, test } from 'vitest'
import { createOutputMemory } from './output-memory.js'

const states = (rows: number, width: number) => ({
  states: { dtype: 'float32', shape: [rows, width], data: new Float32Array(rows * width) } as const,
})

test('what has been read is the memory of a later run, once, where it is large enough', () => {
  const memory = createOutputMemory()
  expect(memory.take(['states'], 4)).toEqual({})
  const read = states(6, 8)
  memory.keep(read)
  expect(memory.take(['states'], 7)).toEqual({})
  const { states: taken } = memory.take(['states', 'pooled'], 4)
  expect(taken).toMatchObject({ dtype: 'float32', shape: [4, 8] })
  expect(taken!.data.buffer).toBe(read.states.data.buffer)
  expect(memory.take(['states'], 4)).toEqual({})
})

test('the largest is kept, and none that is very large', () => {
  const memory = createOutputMemory()
  memory.keep(states(2, 8))
  memory.keep(states(9, 8))
  memory.keep(states(3, 8))
  memory.keep(states(2 ** 18, 8))
  expect(memory.take(['states'], 9)).toHaveProperty('states')
  memory.keep(states(2 ** 18, 8))
  expect(memory.take(['states'], 1)).toEqual({})
})
