import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accepts, open, openSchema, randomAnswer, randomFrom } from '../testing/answers.fixture.js'

/** Patterns of every kind that is offered. */
const PATTERNS = [
  '',
  'abc',
  '^a*b+c?$',
  '^(?:ab|cd){2,3}$',
  '^[^a-y]{0,2}z',
  '^\\d{2}\\.\\w$',
  '\\s',
  '^.$',
  '^[\\u00e4-\\u00fc\\u4e2d]+$',
  '^[\\u{1F600}-\\u{1F64F}]?$',
  '^(?:^a|b)(?:c$|d)$',
  '^(a|)(b|c){0,2}$',
  '^\\p{Lu}\\p{Ll}+$',
  'a|^b|c$',
  '^["\\\\\\n\\u0001]*$',
]

/** Texts of the characters that the patterns speak of. */
const texts = fc
  .array(fc.constantFrom(...'abcdz 1.', '"', '\\', '\n', '\u0001', 'ä', 'Ä', '中', '😀'), { maxLength: 5 })
  .map((characters) => characters.join(''))

describe.each(PATTERNS)('%s', (pattern) => {
  const inSchema = openSchema({ type: 'string', pattern })
  const whole = open({ type: 'regex', pattern })

  test('accepts what the regular expression of JavaScript accepts', () => {
    const anywhere = new RegExp(pattern, 'u')
    const everywhere = new RegExp(`^(?:${pattern})$`, 'u')
    fc.assert(
      fc.property(texts, (text) => {
        expect(accepts(inSchema, JSON.stringify(text))).toBe(anywhere.test(text))
        expect(accepts(whole, text)).toBe(everywhere.test(text))
      }),
      { numRuns: 150 },
    )
  })
})

// Without an anchor random letters would hardly ever come to hold a word.
test.each(PATTERNS.filter((pattern) => pattern.startsWith('^')))(
  '%s lets nothing else be written',
  (pattern) => {
    const matcher = openSchema({ type: 'string', pattern })
    for (let seed = 0; seed < 10; seed++) {
      const text: unknown = JSON.parse(randomAnswer(matcher.clone(), randomFrom(seed), 5))
      expect(text).toMatch(new RegExp(pattern, 'u'))
    }
  },
)

test('a length and a pattern hold together', () => {
  const matcher = openSchema({ type: 'string', pattern: '^(?:ab)+$', minLength: 3, maxLength: 5 })
  expect(['"ab"', '"abab"', '"ababab"'].map((text) => accepts(matcher, text))).toEqual([false, true, false])
})
