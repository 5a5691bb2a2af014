import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, compileGrammar, type GenerateOptions } from './index.js'

/** Answers that are what they have to be, from a model that knows stories only. */

const model = await AutoModelForCausalLM.fromPretrained(demoModel)
afterAll(() => model.dispose())

async function write(options: GenerateOptions) {
  let text = ''
  let end: string | undefined
  const settings = { maxNewTokens: 200, temperature: 1, seed: 3, ...options }
  for await (const piece of model.generate('Mina said: ', settings)) {
    text += piece.text
    end = piece.finish
  }
  return { text, end }
}

const schema = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 1, maximum: 120 } },
  required: ['name', 'age'],
}

describe('an answer', () => {
  test('under a schema is a value that it describes, with drafts, too', async () => {
    for (const options of [{}, { temperature: 0 }, { promptLookupNumTokens: 4, seed: 8 }]) {
      const { text, end } = await write({ schema, ...options })
      expect(end).toBe('stop')
      const value = JSON.parse(text)
      expect(value).toEqual({ name: expect.any(String), age: expect.any(Number) })
      expect(value.name.length).toBeLessThanOrEqual(12)
      expect(value.age).toBeLessThanOrEqual(120)
    }
  })

  test('under a pattern is a text that it matches, whoever compiled it', async () => {
    const source = { type: 'regex', pattern: '(yes|no), [a-z]{3,8}!' } as const
    const compiled = compileGrammar(source, await model.vocabulary())
    const { text, end } = await write({ grammar: source })
    expect(text).toMatch(/^(yes|no), [a-z]{3,8}!$/)
    expect(end).toBe('stop')
    expect(await write({ grammar: compiled })).toEqual({ text, end })
  })

  test('has the special tokens in its text that are to be kept, and no others', async () => {
    const id = (await model.tokenizer())!.bosTokenId!
    const begin = { type: 'token', id } as const
    const grammar = { type: 'sequence', parts: [begin, { type: 'text', text: 'yes' }] } as const
    expect((await write({ grammar })).text).toBe('yes')
    expect((await write({ grammar, keptTokenIds: [id] })).text).toBe('<s>yes')
    await expect(write({ keptTokenIds: 1 as never })).rejects.toMatchObject({
      ...{ code: 'GENERATION_OPTION_INVALID', field: 'keptTokenIds' },
    })
  })

  test('goes on with a complete value no further, and without an end token not at all', async () => {
    await expect(write({ schema, ignoreEos: true })).rejects.toMatchObject({
      ...{ code: 'GENERATION_OPTION_INVALID', field: 'schema' },
      hint: expect.stringContaining('ignoreEos'),
    })
    await expect(write({ schema, grammar: { type: 'json_object' } })).rejects.toMatchObject({
      field: 'schema',
    })
    await expect(write({ grammar: 'json' as never })).rejects.toMatchObject({ field: 'grammar' })
    await expect(write({ schema: { type: 'object', not: {} } })).rejects.toMatchObject({
      code: 'SCHEMA_UNSUPPORTED',
    })
  })
})
