import { describe, expect, test } from 'vitest'
import { accepts, openSchema } from '../testing/answers.fixture.js'

/** One row of what is offered: a schema, whole answers, and texts that are none. */
interface Row {
  readonly schema: unknown
  readonly yes: readonly string[]
  readonly no: readonly string[]
}

const object = (properties: object, rest: object = {}) => ({ type: 'object', properties, ...rest })

const rows: { readonly [name: string]: Row } = {
  'a type': {
    schema: { type: 'boolean' },
    yes: ['true', 'false'],
    no: ['null', 'tru', '"true"', ' true', 'true '],
  },
  'several types': { schema: { type: ['string', 'null'] }, yes: ['"a"', 'null', '""'], no: ['1', 'nul'] },
  enum: {
    schema: { enum: ['a', 1, null, { b: [true, 'ü'] }] },
    yes: ['"a"', '1', 'null', '{"b":[true,"ü"]}'],
    no: ['"b"', '12', '{"b": [true,"ü"]}'],
  },
  'enum beside a type': { schema: { type: 'string', enum: ['a', 1] }, yes: ['"a"'], no: ['1'] },
  const: { schema: { const: 'x"\n' }, yes: ['"x\\"\\n"'], no: ['"x"'] },
  anyOf: {
    schema: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'null' } }] },
    yes: ['7', '[null, null]'],
    no: ['[1]', '"7"'],
  },
  'objects that begin alike': {
    schema: {
      anyOf: [
        object({ kind: { const: 'a' }, size: { type: 'integer' } }, { required: ['kind', 'size'] }),
        object({ kind: { type: 'string' }, size: { type: 'boolean' } }, { required: ['kind', 'size'] }),
      ],
    },
    yes: ['{"kind":"a","size":1}', '{"kind":"a","size":true}', '{"kind":"b","size":true}'],
    no: ['{"kind":"b","size":1}'],
  },
  properties: {
    schema: object({ a: { type: 'integer' }, b: { type: 'string' }, c: true }, { required: ['b'] }),
    yes: ['{"b":""}', '{"a":1,"b":"x"}', '{ "a": 1, "b": "x", "c": [{"d": null}] }', '{\n  "b":"x"\n}'],
    no: [
      '{}',
      '{"a":1}',
      '{"b":"x","a":1}',
      '{"b":"x","d":1}',
      '{"b":"x",}',
      '{,"b":"x"}',
      '{"a":1 ,"b":"x"}',
    ],
  },
  'no properties at all': { schema: { type: 'object' }, yes: ['{}', '{"a":{"b":[1]}}'], no: ['[]'] },
  'additional properties': {
    schema: object({ ab: { type: 'integer' } }, { additionalProperties: { type: 'boolean' } }),
    yes: ['{}', '{"ab":1}', '{"x":true}', '{"ab":1,"a":true,"abc":false}', '{"a\\n":true}', '{"é":true}'],
    no: ['{"ab":true}', '{"x":1}', '{"x":true,"ab":1}', '{"\\u0061b":true}'],
  },
  'any additional properties': {
    schema: object({}, { additionalProperties: true, required: ['must'] }),
    yes: ['{"must":1}', '{"must":"","more":[2]}'],
    no: ['{}', '{"more":2}'],
  },
  'a name that needs escapes': {
    schema: object({ 'a"\\': { type: 'null' } }),
    yes: ['{"a\\"\\\\":null}'],
    no: [],
  },
  items: {
    schema: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
    yes: ['[1]', '[1,2,3]', '[ 1, 2\n]'],
    no: ['[]', '[1,2,3,4]', '[1,]', '["1"]'],
  },
  'prefix items': {
    schema: {
      type: 'array',
      prefixItems: [{ type: 'integer' }, { type: 'string' }],
      items: { type: 'null' },
      minItems: 1,
    },
    yes: ['[1]', '[1,"a"]', '[1,"a",null,null]'],
    no: ['[]', '["a"]', '[1,null]'],
  },
  'prefix items alone': {
    schema: { type: 'array', prefixItems: [{ type: 'integer' }], items: false },
    yes: ['[]', '[1]'],
    no: ['[1,2]'],
  },
  'lengths of strings': {
    schema: { type: 'string', minLength: 2, maxLength: 3 },
    yes: ['"ab"', '"äöü"', '"𝄞𝄞"', '"\\n\\t"', '"\\ud834\\udd1e\\u0041"'],
    no: ['"a"', '"abcd"', '"𝄞"', '"\\ud834"', '"a\u0001"'],
  },
  'a pattern anywhere': {
    schema: { type: 'string', pattern: 'b+' },
    yes: ['"abc"', '"b"', '"\\n\\"b"'],
    no: ['"ac"', '""'],
  },
  'a pattern of the whole text': {
    schema: { type: 'string', pattern: '^(?:[a-f]{2}|\\d)+$', maxLength: 4 },
    yes: ['"ab1"', '"7"'],
    no: ['"abc"', '"abcd1"', '""'],
  },
  'an anchor in one alternative': {
    schema: { type: 'string', pattern: '^a|b$' },
    yes: ['"ax"', '"xb"'],
    no: ['"xa"', '"bx"'],
  },
  'characters that JSON escapes': {
    schema: { type: 'string', pattern: '^[\\s"]$' },
    yes: ['"\\n"', '"\\""', '" "', '"\u00a0"'],
    no: ['"\n"', '"""', '"x"'],
  },
  date: {
    schema: { type: 'string', format: 'date' },
    yes: ['"2026-02-31"'],
    no: ['"2026-13-01"', '"2026-1-01"'],
  },
  'date-time': {
    schema: { type: 'string', format: 'date-time' },
    yes: ['"2026-11-29T10:00:00Z"', '"2026-11-29T10:00:00.5+01:00"'],
    no: ['"2026-11-29"', '"2026-11-29T25:00:00Z"'],
  },
  time: { schema: { type: 'string', format: 'time' }, yes: ['"23:59:59Z"'], no: ['"24:00:00Z"'] },
  uuid: {
    schema: { type: 'string', format: 'uuid' },
    yes: ['"123e4567-e89b-12d3-a456-426614174000"'],
    no: ['"123e4567"'],
  },
  ipv4: {
    schema: { type: 'string', format: 'ipv4' },
    yes: ['"255.0.10.1"'],
    no: ['"256.0.0.1"', '"1.2.3"', '"01.2.3.4"'],
  },
  ipv6: {
    schema: { type: 'string', format: 'ipv6' },
    yes: ['"::"', '"::1"', '"2001:db8::8a2e:370:7334"', '"1:2:3:4:5:6:7:8"', '"::ffff:1.2.3.4"', '"1::"'],
    no: ['":"', '"1:2:3:4:5:6:7"', '"1::2::3"', '"12345::"', '"1:2:3:4:5:6:7:8:9"'],
  },
  email: {
    schema: { type: 'string', format: 'email' },
    yes: ['"a.b+c@example.org"'],
    no: ['"a@"', '".a@b"', '"a b@c"'],
  },
  integers: {
    schema: { type: 'integer' },
    yes: ['0', '-1', '12345678901234567890'],
    no: ['-0', '01', '1.0', '1e3', '123456789012345678901'],
  },
  'integers within bounds': {
    schema: { type: 'integer', minimum: -12, exclusiveMaximum: 105 },
    yes: ['-12', '-9', '0', '7', '99', '100', '104'],
    no: ['-13', '105', '1000', '-20'],
  },
  'bounds that are no integers': {
    schema: { type: 'integer', minimum: 0.5, maximum: 2.5 },
    yes: ['1', '2'],
    no: ['0', '3'],
  },
  numbers: {
    schema: { type: 'number' },
    yes: ['0', '-0.5', '12.25', '1e10', '1E-300', '3.5e+279'],
    no: ['.5', '1.', '1e', '1e999', '1e280', '01', 'NaN', '--1'],
  },
  'a reference': {
    schema: { ...object({ a: { $ref: '#/$defs/a~1b' } }), $defs: { 'a/b': { type: 'null' } } },
    yes: ['{"a":null}', '{}'],
    no: ['{"a":1}'],
  },
  'a recursion': {
    schema: object({ value: { type: 'integer' }, next: { $ref: '#' } }, { required: ['value'] }),
    yes: ['{"value":1}', '{"value":1,"next":{"value":2,"next":{"value":3}}}'],
    no: ['{"next":{"value":1}}'],
  },
  'allOf with one entry': { schema: { allOf: [{ type: 'null' }], title: 'x' }, yes: ['null'], no: ['1'] },
  'oneOf by type': {
    schema: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    yes: ['"a"', '1.5'],
    no: ['null'],
  },
  'oneOf by a constant': {
    schema: {
      oneOf: ['a', 'b'].map((kind) => object({ kind: { const: kind } }, { required: ['kind'] })),
    },
    yes: ['{"kind":"a"}', '{"kind":"b"}'],
    no: ['{"kind":"c"}'],
  },
  annotations: {
    schema: {
      type: 'null',
      title: 'a',
      description: 'b',
      default: 1,
      examples: [2],
      $schema: 'c',
      $comment: 'd',
      deprecated: true,
    },
    yes: ['null'],
    no: ['1'],
  },
  true: { schema: true, yes: ['1', '[{}]', '"a"', 'null'], no: ['', 'nul'] },
  'a property that never fits': {
    schema: object({ a: false, b: { type: 'null' } }),
    yes: ['{}', '{"b":null}'],
    no: ['{"a":1}'],
  },
  'white space': {
    schema: { type: 'array', items: { type: 'null' } },
    yes: ['[ null,\n                null\n]'],
    no: ['[  null]', '[\n                 null]', '[null ,null]', '[\t]'],
  },
}

describe.each(Object.entries(rows))('%s', (_, { schema, yes, no }) => {
  test('is offered exactly', () => {
    const matcher = openSchema(schema)
    expect(yes.filter((text) => !accepts(matcher, text))).toEqual([])
    expect(no.filter((text) => accepts(matcher, text))).toEqual([])
  })
})

test('recursion goes 32 levels deep, and what would have to go deeper is not begun', () => {
  const list = object({ next: { $ref: '#' } })
  const nested = (levels: number) => `${'{"next":'.repeat(levels)}{}${'}'.repeat(levels)}`
  expect(accepts(openSchema(list), nested(32))).toBe(true)
  expect(accepts(openSchema(list), nested(33))).toBe(false)
  // At the last level the name is not offered: behind it there would be no way to the end.
  const matcher = openSchema(list)
  for (const byte of Buffer.from(`${'{"next":'.repeat(32)}{`)) matcher.accept(byte)
  expect(matcher.accept('"'.charCodeAt(0))).toBe(false)
})
