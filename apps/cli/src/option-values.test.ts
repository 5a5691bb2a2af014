import { describe, expect, it } from 'vitest'
import { byteSize, nonNegativeNumber, wholeNumber } from './option-values.js'

describe('sizes', () => {
  it.each([
    ['64MiB', 64 * 2 ** 20],
    ['5GB', 5e9],
    ['1.5 kib', 1536],
    ['1000000', 1e6],
    ['1B', 1],
  ])('%s', (text, bytes) => expect(byteSize(text)).toBe(bytes))

  it.each(['', '0', '-1MB', '64MX', 'MiB', '1e3', '9999999TB'])('refuses "%s"', (text) => {
    expect(() => byteSize(text)).toThrow('such as 64MiB')
  })
})

describe('numbers', () => {
  it.each(['0', '0.7', '2', '1e-3'])('reads %s', (text) => expect(nonNegativeNumber(text)).toBe(Number(text)))
  it.each(['', '-1', 'x', '1x', 'Infinity'])('refuses "%s"', (text) =>
    expect(() => nonNegativeNumber(text)).toThrow(),
  )
  it.each(['0', '1.5', '', '-1', '1e3', '99999999999999999'])(
    'refuses "%s" as a whole number from 1',
    (text) => {
      expect(() => wholeNumber(1)(text)).toThrow('at least 1')
    },
  )
})
