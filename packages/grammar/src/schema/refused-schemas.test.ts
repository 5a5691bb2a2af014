import { describe, expect, test } from 'vitest'
import { GrammarError } from '../errors.js'
import { openSchema } from '../testing/answers.fixture.js'

const object = (properties: object, rest: object = {}) => ({ type: 'object', properties, ...rest })

/** The error that compiling ends with. */
function refusal(schema: unknown): GrammarError {
  try {
    openSchema(schema)
  } catch (error) {
    if (GrammarError.isInstance(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('what is not offered is refused, with its place', () => {
  test.each([
    ['not', { not: { type: 'null' } }, '#/not'],
    ['if', object({ a: { if: true } }), '#/properties/a/if'],
    ['patternProperties', object({}, { patternProperties: {} }), '#/patternProperties'],
    ['uniqueItems', { type: 'array', uniqueItems: true }, '#/uniqueItems'],
    ['multipleOf', { type: 'array', items: { type: 'integer', multipleOf: 2 } }, '#/items/multipleOf'],
    ['minProperties', object({}, { minProperties: 1 }), '#/minProperties'],
    ['a name with a slash', object({ 'a/b': { contains: 1 } }), '#/properties/a~1b/contains'],
    ['another format', { type: 'string', format: 'hostname' }, '#/format'],
    ['bounds of numbers', { type: 'number', minimum: 0 }, '#/minimum'],
    ['bounds beyond a double', { type: 'integer', maximum: 2 ** 60 }, '#/maximum'],
    ['two entries of allOf', { allOf: [{}, {}] }, '#/allOf'],
    ['anyOf beside properties', { anyOf: [{ type: 'null' }], properties: {} }, '#/properties'],
    ['oneOf that overlaps', { oneOf: [{ type: 'integer' }, { type: 'number' }] }, '#/oneOf'],
    ['another document', { $ref: 'https://example.org/x.json' }, '#/$ref'],
    ['a deeper place', { $ref: '#/properties/a', properties: { a: true } }, '#/properties'],
    ['a missing definition', { anyOf: [{ $ref: '#/$defs/toString' }], $defs: {} }, '#/anyOf/0/$ref'],
    ['a required property of nobody', object({}, { required: ['a'] }), '#/required'],
    ['an unknown type', { type: 'text' }, '#/type'],
    ['no schema', { items: 'integer' }, '#/items'],
    ['a length that is none', { type: 'string', maxLength: -1 }, '#/maxLength'],
    ['too long a list', { type: 'array', maxItems: 5000 }, '#/maxItems'],
    ['bounds without a type', { minimum: 3 }, '#'],
    ['a value that is no JSON', { enum: [Number.NaN] }, '#/enum'],
    ['bounds without anything between', { type: 'integer', minimum: 5, maximum: 4 }, '#'],
    [
      'a definition that is only itself',
      { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }, true] } } },
      '#/$defs/a',
    ],
  ])('%s', (_, schema, field) => {
    const error = refusal(schema)
    expect([error.code, error.field]).toEqual(['SCHEMA_UNSUPPORTED', field])
    expect(error.message).toContain(field)
    expect(error.hint).toBeTruthy()
  })
})

describe('what nothing satisfies is refused', () => {
  test.each([
    ['an object that holds itself', object({ a: { $ref: '#' } }, { required: ['a'] })],
    ['lengths that exclude each other', { type: 'string', minLength: 3, maxLength: 2 }],
    ['a pattern that is too long', { type: 'string', pattern: '^abc$', maxLength: 2 }],
    ['numbers of items that exclude each other', { type: 'array', minItems: 3, maxItems: 2 }],
    ['an empty enum', { enum: [] }],
    ['values of another type', { type: 'string', enum: [1] }],
    ['more items than there are places', { type: 'array', prefixItems: [{}], items: false, minItems: 2 }],
  ])('%s', (_, schema) => {
    expect(refusal(schema)).toMatchObject({ code: 'SCHEMA_UNSUPPORTED', field: '#' })
  })
})

describe('patterns', () => {
  test.each(['(?=a)b', '(?<!a)b', '\\bword', '(a)\\1', 'a^b', '(a$)+b', '(', '[b-a]', '\\p{Nonsense}'])(
    '%s',
    (pattern) => {
      expect(refusal({ type: 'string', pattern })).toMatchObject({
        code: 'PATTERN_UNSUPPORTED',
        field: '#/pattern',
      })
    },
  )
})

/** Each of these would take gigabytes or years if it were simply done. */
describe('hostile schemas end soon', () => {
  const nested = (levels: number, wrap: (inner: unknown) => unknown) => {
    let schema: unknown = { type: 'null' }
    for (let level = 0; level < levels; level++) schema = wrap(schema)
    return schema
  }
  const pattern = (source: string, more: object = {}) => ({ type: 'string', pattern: source, ...more })
  const cyclic: { [keyword: string]: unknown } = {}
  cyclic.items = cyclic
  const cyclicValue: { [name: string]: unknown } = {}
  cyclicValue.self = cyclicValue

  test.each([
    ['a memory of all beginnings', pattern('a.{500}')],
    ['alternatives that double', pattern('^(?:(?:a|b)*a(?:a|b){30})$')],
    ['repetitions of repetitions', pattern('^((a{1000}){1000}){1000}$')],
    ['optional repetitions', pattern('^(?:(?:a?){100}){100}$')],
    ['a long repetition', pattern('^a{1001}$')],
    ['groups in groups', pattern('('.repeat(8000) + ')'.repeat(8000))],
    ['a long pattern', pattern('a'.repeat(20_000))],
    ['a pattern and a length', pattern('^(?:ab|a|b)*$', { maxLength: 60_000 })],
    ['anchors in many alternatives', pattern(`(?:${'^a|'.repeat(2000)}b)c`)],
    ['arrays in arrays', nested(100_000, (items) => ({ type: 'array', items }))],
    ['alternatives in alternatives', nested(1000, (inner) => ({ anyOf: [inner] }))],
    ['a value in a value', { const: nested(100_000, (inner) => [inner]) }],
    ['a cycle in the schema', cyclic],
    [
      'many properties',
      object(Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`p${index}`, true]))),
    ],
    ['many values', { enum: Array.from({ length: 1001 }, (_, index) => index) }],
    ['definitions that multiply', nested(12, (inner) => ({ anyOf: Array.from({ length: 3 }, () => inner) }))],
  ])('%s', (_, schema) => {
    const started = Date.now()
    expect(refusal(schema).code).toBe('GRAMMAR_TOO_COMPLEX')
    expect(Date.now() - started).toBeLessThan(10_000)
  })

  test('several patterns, each of which would do', () => {
    const heavy = (letter: string) => pattern(`^(?:a?){150}${letter}$`)
    const each = (letters: string) =>
      object(Object.fromEntries(Array.from(letters, (letter, index) => [`p${index}`, heavy(letter)])))
    expect(refusal(each('bcdefghi')).code).toBe('GRAMMAR_TOO_COMPLEX')
    // The same one is made once.
    openSchema(each('bbbbbbbb'))
  })

  test('a value that refers to itself', () => {
    expect(refusal({ const: cyclicValue }).code).toBe('SCHEMA_UNSUPPORTED')
  })
})
