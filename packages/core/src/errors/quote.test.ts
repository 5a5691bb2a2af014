import { describe, expect, test } from 'vitest'
import { ConfigError } from './families.js'
import { escapeUnprintable, printable, quote, quoteName } from './quote.js'

const HOSTILE = '\x1b[2J\x1b]0;owned\x07\nINFO: all is well\r\x7f\x9b1m\u202etxt\u2028\u200b'
const VISIBLE =
  '\\u001b[2J\\u001b]0;owned\\u0007\\nINFO: all is well\\r\\u007f\\u009b1m\\u202etxt\\u2028\\u200b'

describe('text that a file brings', () => {
  test('has its controls, breaks and directions written as escapes', () => {
    expect(printable(HOSTILE)).toBe(VISIBLE)
    expect(quote(HOSTILE)).toBe(`"${VISIBLE}"`)
    expect(quote('a "quoted" \\ name')).toBe(String.raw`"a \"quoted\" \\ name"`)
  })

  test('stays as it is where every character is visible', () => {
    for (const text of ['model.layers.0.weight', 'größer als 中文 😀', '« — “quoted” »']) {
      expect(printable(text)).toBe(text)
    }
    expect(quoteName('model.layers.0/mlp:0-a_b')).toBe('model.layers.0/mlp:0-a_b')
    expect(quoteName('two words')).toBe('"two words"')
  })

  test('inside of a JSON text stays the same JSON', () => {
    const value = { [HOSTILE]: [HOSTILE, '\u{e0041}'] }
    const text = escapeUnprintable(JSON.stringify(value))
    expect(JSON.parse(text)).toEqual(value)
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  test('of any length is cut', () => {
    const long = 'a'.repeat(1e6)
    expect(quote(long)).toBe(`"${'a'.repeat(200)}"…`)
    expect(quoteName(long).length).toBeLessThan(300)
    expect(quote({ long }).length).toBeLessThan(1500)
    const message = printable(`${long} is unknown`)
    expect(message.length).toBeLessThan(4100)
    expect(message.endsWith(' is unknown')).toBe(true)
    // Each character takes an escape of six.
    expect(quote('\x1b'.repeat(1e6)).length).toBeLessThan(1300)
  })

  test('of a value that JSON cannot hold says so', () => {
    let deep: unknown[] = []
    for (let level = 0; level < 1e5; level++) deep = [deep]
    expect(quote(deep)).toContain('cannot hold')
    expect(quote(undefined)).toBe('undefined')
    expect(quote(1n)).toBe('1n')
  })
})

test('every error is one line that a terminal shows as it is', () => {
  const error = new ConfigError('FIELD_VALUE', `${HOSTILE} is unknown`, { hint: HOSTILE, field: HOSTILE })
  expect(error.message).toBe(`${VISIBLE} is unknown`)
  expect(error.hint).toBe(VISIBLE)
  expect(String(error)).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  // For programs.
  expect(error.field).toBe(HOSTILE)
})
