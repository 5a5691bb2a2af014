import { describe, expect, test } from 'vitest'
import { checkAssistant, type Vocabulary } from './assistant.js'

const tokenizerOf = (...tokens: readonly string[]): Vocabulary['tokenizer'] => ({
  idToToken: (id) => tokens[id],
})

const model = (vocabSize: number, tokenizer?: Vocabulary['tokenizer']): Vocabulary => ({
  facts: { vocabSize },
  tokenizer,
})

describe('a model that drafts for another', () => {
  test('has the same tokens, in rows of any width', () => {
    const tokenizer = tokenizerOf('a', 'b', 'c')
    expect(() => checkAssistant(model(3, tokenizer), model(8, tokenizerOf('a', 'b', 'c')))).not.toThrow()
    expect(() => checkAssistant(model(3), model(3, tokenizer))).not.toThrow()
  })

  test.each([
    ['another token', model(3, tokenizerOf('a', 'x', 'c')), 'token 1 is "x", not "b"'],
    ['a token less', model(3, tokenizerOf('a', 'b')), 'token 2 is missing, not "c"'],
    ['a token more', model(4, tokenizerOf('a', 'b', 'c', 'd')), 'token 3 is "d", not missing'],
    ['another width and no tokens to compare', model(5), '5 tokens, not 3'],
  ])('is refused with %s', (_name, assistant, difference) => {
    expect(() => checkAssistant(assistant, model(3, tokenizerOf('a', 'b', 'c')))).toThrow(
      expect.objectContaining({
        code: 'ASSISTANT_VOCABULARY',
        message: `assistantModel has another vocabulary: ${difference}`,
      }),
    )
  })
})
