import { describe, expect, test } from 'vitest'
import { compileGrammar } from '../compile-grammar.js'
import {
  accepts,
  allowed,
  END,
  OPENER,
  open,
  openSchema,
  testVocabulary,
} from '../testing/answers.fixture.js'
import { compileVocabulary } from '../vocabulary/vocabulary.js'
import { openGrammar } from './open-grammar.js'

const idOf = (byte: string) => byte.charCodeAt(0)

describe('a matcher', () => {
  test('allows the end where the text may end, and nothing behind it', () => {
    const matcher = open({ type: 'regex', pattern: 'ab*' })
    expect(allowed(matcher)).not.toContain(END)
    expect(matcher.accept(END)).toBe(false)
    expect(matcher.accept(idOf('a'))).toBe(true)
    expect(allowed(matcher)).toContain(END)
    expect(matcher.finished).toBe(false)
    expect(matcher.accept(END)).toBe(true)
    expect(matcher.finished).toBe(true)
    expect(allowed(matcher)).toEqual([END])
    expect(matcher.accept(idOf('b'))).toBe(false)
  })

  test('is finished where nothing but the end may follow', () => {
    const matcher = open({ type: 'text', text: 'a' })
    matcher.accept(idOf('a'))
    expect(matcher.finished).toBe(true)
    expect(allowed(matcher)).toEqual([END])
  })

  test('stays where it is when a token may not come', () => {
    const matcher = openSchema({ type: 'boolean' })
    const before = allowed(matcher)
    expect([idOf('x'), OPENER, -1, 1e9, Number.NaN].map((id) => matcher.accept(id))).toEqual(
      Array(5).fill(false),
    )
    expect(allowed(matcher)).toEqual(before)
  })

  test('is cloned at its place', () => {
    const matcher = openSchema({ enum: [12, 13] })
    matcher.accept(idOf('1'))
    const clone = matcher.clone()
    matcher.accept(idOf('2'))
    expect(allowed(clone)).toEqual([idOf('2'), idOf('3')])
  })

  test('allows in its mask what it accepts, after counts of any size', () => {
    const matcher = openSchema({
      type: 'array',
      items: { type: 'string', minLength: 35, maxLength: 70 },
      minItems: 5,
      maxItems: 8,
    })
    const text = JSON.stringify(Array.from({ length: 8 }, (_, index) => 'aé'.repeat(18 + 2 * index)))
    for (const byte of new TextEncoder().encode(text)) {
      const mask = allowed(matcher)
      const accepted = [byte, idOf('"'), idOf(','), idOf(']'), 257, 258, 260, 261, END].filter((id) =>
        matcher.clone().accept(id),
      )
      expect(mask).toEqual(expect.arrayContaining(accepted))
      expect(accepted.filter((id) => id !== byte && !mask.includes(id))).toEqual([])
      for (const id of [idOf('"'), idOf(','), idOf(']'), 258, 261]) {
        expect(mask.includes(id)).toBe(matcher.clone().accept(id))
      }
      matcher.accept(byte)
    }
    expect(matcher.finished).toBe(true)
  })

  test('says so when the vocabulary has no token to go on with', () => {
    const vocabulary = compileVocabulary({
      size: 2,
      tokenBytes: () => Uint8Array.of(idOf('[')),
      endTokenIds: [1],
    })
    const matcher = openGrammar(compileGrammar({ type: 'json_schema', schema: { const: [] } }, vocabulary))
    matcher.accept(0)
    expect(() => matcher.mask()).toThrow(/no token of the vocabulary/)
  })

  test('keeps its pace with a thousand alternatives that go on together, or says that they are too many', () => {
    const alternatives = Array.from({ length: 900 }, (_, index) => ({
      type: 'object',
      properties: { a: { type: 'string', minLength: index, maxLength: 2000 + index } },
      required: ['a'],
    }))
    const matcher = openSchema({ anyOf: alternatives })
    for (const byte of '{"a":"') matcher.accept(idOf(byte))
    const started = Date.now()
    try {
      for (let count = 0; count < 20; count++) {
        matcher.mask()
        matcher.accept(idOf('x'))
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'GRAMMAR_TOO_COMPLEX' })
    }
    expect(Date.now() - started).toBeLessThan(10_000)
  })

  test('forgets what it has met rather than grow', () => {
    const matcher = openSchema({ type: 'string', maxLength: 21_000 })
    matcher.accept(idOf('"'))
    for (let count = 0; count < 21_000; count++) {
      if (count % 4000 === 0) expect(allowed(matcher)).toContain(idOf('x'))
      expect(matcher.accept(idOf('x'))).toBe(true)
    }
    expect(allowed(matcher)).toEqual([idOf('"')])
  })

  test('refuses bytes that are no grammar', () => {
    expect(() => openGrammar({ automaton: new Uint8Array(64), vocabulary: testVocabulary })).toThrow(
      /no compiled grammar/,
    )
  })
})

describe('parts put together', () => {
  test('free text ends before its end, whatever it nearly holds', () => {
    const matcher = open({
      type: 'sequence',
      parts: [
        { type: 'free', until: 'aab' },
        { type: 'text', text: 'aab' },
        {
          type: 'choice',
          options: [
            { type: 'text', text: '1' },
            { type: 'regex', pattern: 'x{2}' },
          ],
        },
      ],
    })
    expect(['aab1', 'aaab1', 'ab aa baabxx'].map((text) => accepts(matcher, text))).toEqual([
      true,
      true,
      true,
    ])
    expect(['aab', 'aabx', 'aab1aab1', 'ab1'].map((text) => accepts(matcher, text))).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  test('an opener without bytes comes where it is named and nowhere else', () => {
    const call = {
      type: 'sequence',
      parts: [{ type: 'token', id: OPENER }, { type: 'json_object' }],
    } as const
    const matcher = open({ type: 'repeat', part: call, min: 1 })
    expect(allowed(matcher)).toEqual([OPENER])
    for (const id of [OPENER, idOf('{'), idOf('}')]) expect(matcher.accept(id)).toBe(true)
    expect(allowed(matcher)).toEqual([OPENER, END])
    expect(allowed(open({ type: 'free' }))).not.toContain(OPENER)
  })

  test('repetitions have their separator between them', () => {
    const matcher = open({ type: 'repeat', part: { type: 'text', text: 'a' }, min: 0, separator: ';' })
    expect(['', 'a', 'a;a'].map((text) => accepts(matcher, text))).toEqual([true, true, true])
    expect([';', 'a;', 'aa'].map((text) => accepts(matcher, text))).toEqual([false, false, false])
  })

  test('an unknown type is refused', () => {
    expect(() => compileGrammar({ type: 'bnf' } as never, testVocabulary)).toThrow(/no grammar of type "bnf"/)
  })
})
