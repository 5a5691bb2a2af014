import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { acceptsTokenized, openSchema, randomAnswer, randomFrom } from '../testing/answers.fixture.js'

/** A schema of the subset, and a source of its values. */
interface Described {
  readonly schema: { readonly [keyword: string]: unknown }
  readonly values: fc.Arbitrary<unknown>
}

const leaves: fc.Arbitrary<Described>[] = [
  fc.constantFrom('null', 'boolean').map((type) => ({
    schema: { type },
    values: type === 'null' ? fc.constant(null) : fc.boolean(),
  })),
  fc.tuple(fc.integer(), fc.nat(1000)).map(([minimum, width]) => ({
    schema: { type: 'integer', minimum, maximum: minimum + width },
    values: fc.integer({ min: minimum, max: minimum + width }),
  })),
  fc.constant({ schema: { type: 'number' }, values: fc.integer().map((value) => value / 8) }),
  fc.tuple(fc.nat(6), fc.nat(6)).map(([minLength, more]) => ({
    schema: { type: 'string', minLength, maxLength: minLength + more },
    values: fc.string({ unit: 'binary', minLength, maxLength: minLength + more }),
  })),
  fc
    .uniqueArray(fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.constant(null)), {
      minLength: 1,
      maxLength: 4,
    })
    .map((list) => ({ schema: { enum: list }, values: fc.constantFrom(...list) })),
  fc.constantFrom('^[a-c]+$', '^\\d{2}-\\d{2}$').map((pattern) => ({
    schema: { type: 'string', pattern },
    values: fc.stringMatching(new RegExp(pattern)),
  })),
]

const { described } = fc.letrec<{ described: Described }>((tie) => ({
  described: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    ...leaves,
    fc.tuple(tie('described'), fc.nat(2), fc.nat(3)).map(([items, minItems, more]) => ({
      schema: { type: 'array', items: items.schema, minItems, maxItems: minItems + more },
      values: fc.array(items.values, { minLength: minItems, maxLength: minItems + more }),
    })),
    fc.array(tie('described'), { minLength: 1, maxLength: 3 }).map((branches) => ({
      schema: { anyOf: branches.map(({ schema }) => schema) },
      values: fc.oneof(...branches.map(({ values }) => values)),
    })),
    fc
      .uniqueArray(
        fc.tuple(
          fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__'),
          tie('described'),
          fc.boolean(),
        ),
        {
          maxLength: 4,
          selector: ([name]) => name,
        },
      )
      // Names that are numbers come first in an object, whatever the schema says.
      .map((properties) => properties.filter(([name]) => !/^\d+$/.test(name)))
      .map((properties) => ({
        schema: {
          type: 'object',
          properties: Object.fromEntries(properties.map(([name, { schema }]) => [name, schema])),
          required: properties.filter(([, , required]) => required).map(([name]) => name),
          additionalProperties: false,
        },
        values: fc
          .record(Object.fromEntries(properties.map(([name, { values }]) => [name, values])), {
            requiredKeys: properties.filter(([, , required]) => required).map(([name]) => name),
          })
          .map((value) =>
            Object.fromEntries(
              properties.filter(([name]) => Object.hasOwn(value, name)).map(([name]) => [name, value[name]]),
            ),
          ),
      })),
  ),
}))

const randoms = fc.nat().map(randomFrom)

/** Formats are not checked: the shapes that the grammar knows are in the table of rows. */
const ajv = new Ajv2020({ strict: false, validateFormats: false })

test('whatever is written under a schema parses and satisfies it', () => {
  fc.assert(
    fc.property(described, randoms, ({ schema }, random) => {
      const text = randomAnswer(openSchema(schema), random)
      expect(ajv.validate(schema, JSON.parse(text)), text).toBe(true)
    }),
    { numRuns: 50 },
  )
})

test('every value of a schema may be written, in any tokens', () => {
  fc.assert(
    fc.property(
      described.chain(({ schema, values }) => fc.tuple(fc.constant(schema), values)),
      fc.constantFrom(undefined, 1),
      randoms,
      ([schema, value], indent, random) => {
        expect(acceptsTokenized(openSchema(schema), JSON.stringify(value, undefined, indent), random)).toBe(
          true,
        )
      },
    ),
    { numRuns: 50 },
  )
})

test('any JSON object is written under json_object alone', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), randoms, (value, random) => {
      const text = JSON.stringify(value).replaceAll(/(?<![\d.e])-0(?![\d.])/g, '0')
      // Numbers with more digits, or near the end of what a double holds, are not offered.
      fc.pre(!/\d{21}|\.\d{21}|e\+(?:2[89]|3)\d/.test(text))
      expect(acceptsTokenized(openSchema({ type: 'object' }), text, random)).toBe(true)
    }),
    { numRuns: 50 },
  )
})
