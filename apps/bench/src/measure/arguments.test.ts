import { expect, test } from 'vitest'
import { someOf, wholeNumber } from './arguments.js'

test('names are those that are known, at least one', () => {
  expect(someOf('only', 'a,,c', ['a', 'b', 'c'])).toEqual(['a', 'c'])
  expect(() => someOf('only', 'a,d', ['a', 'b'])).toThrow('--only has "d", expected some of a, b')
  expect(() => someOf('only', '', ['a', 'b'])).toThrow('--only has "", expected some of a, b')
  expect(() => someOf('only', ',', ['a', 'b'])).toThrow('--only has ","')
})

test('numbers are whole', () => {
  expect(wholeNumber('rounds', '12')).toBe(12)
  for (const text of ['0', '', 'three', '1.5', '-2', '1e3'])
    expect(() => wholeNumber('rounds', text)).toThrow(`--rounds is ${text}, expected a whole number`)
  expect(wholeNumber('show', '0', 0)).toBe(0)
})
