import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatJson, PythonFloat, parseJson, toNode, toValue } from './json-document.js'

const goldens = new URL('../../../../goldens/', import.meta.url)
/** Keys that were written by hand, by AutoAWQ or by sentence-transformers are not sorted, so they cannot come back as they were. */
const configs = readdirSync(goldens, { recursive: true, encoding: 'utf8' }).filter(
  (path) =>
    path.endsWith('/config.json') &&
    !/^(awq|gptq|fp8|mxfp4|compressed_tensors|folders\/(gptq|llama))\/|\/\d_(Pooling|Dense)\//.test(path),
)

describe('files that Python wrote', () => {
  test.each(configs)('%s is written back byte for byte', (path) => {
    const text = readFileSync(new URL(path, goldens), 'utf8')
    expect(formatJson(parseJson(text))).toBe(text.endsWith('\n') ? text : `${text}\n`)
  })
})

describe('numbers', () => {
  test.each(['10000.0', '1e-05', '6.0', '-0.0', '1E5', '12345678901234567890', 'NaN', '-Infinity'])(
    '%s keeps its spelling',
    (text) => expect(formatJson(parseJson(text))).toBe(`${text}\n`),
  )

  test.each([
    [6, '6.0'],
    [0.01, '0.01'],
    [1e-5, '1e-05'],
    [1e16, '1e+16'],
    [123456789012345, '123456789012345.0'],
    [1.5e-7, '1.5e-07'],
    [0, '0.0'],
  ])('the float %d is %s to Python', (value, text) => {
    expect(formatJson(toNode(new PythonFloat(value)))).toBe(`${text}\n`)
  })
})

test('keys are sorted at every depth, and text is ASCII', () => {
  expect(formatJson(toNode({ b: { d: 'é😀', c: [] }, a: {} }))).toBe(
    '{\n  "a": {},\n  "b": {\n    "c": [],\n    "d": "\\u00e9\\ud83d\\ude00"\n  }\n}\n',
  )
})

test('any JSON value survives', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      expect(toValue(parseJson(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.each([
  '',
  '{',
  '[1,]',
  '{"a" 1}',
  '{"a":1,}',
  '01',
  '"\u0001"',
  '[1] 2',
  'nul',
  `${'['.repeat(300)}${']'.repeat(300)}`,
])('damaged text is a SyntaxError with an offset: %s', (text) =>
  expect(() => parseJson(text)).toThrow(SyntaxError),
)

test('"__proto__" is an ordinary key', () => {
  const value = toValue(parseJson('{"__proto__": {"polluted": true}}')) as object
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  expect(Object.keys(value)).toEqual(['__proto__'])
})
