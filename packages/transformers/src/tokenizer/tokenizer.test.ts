import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AutoTokenizer, TokenizerError } from './index.js'
import { goldens, readGolden, withFolder } from './test-folder.js'

interface Expected {
  readonly vocabSize: number
  readonly encode: readonly {
    readonly text: string
    readonly ids: number[]
    readonly idsWithoutSpecialTokens: number[]
    readonly decoded: string
    readonly decodedWithSpecialTokens: string
  }[]
  readonly decode: readonly { readonly ids: number[]; readonly decoded: string }[]
  readonly whiteSpace: readonly { readonly text: string; readonly ids: number[] }[]
}

const expected = await readGolden<Expected>('expected.json')
const tokenizer = await AutoTokenizer.fromPretrained(goldens)

describe('the demo tokenizer, compared with the Python tokenizers', () => {
  it.each(expected.encode)('encodes $text', ({ text, ids, idsWithoutSpecialTokens }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(idsWithoutSpecialTokens)
  })

  it.each(expected.encode)('decodes $text', ({ ids, decoded, decodedWithSpecialTokens }) => {
    expect(tokenizer.decode(ids)).toBe(decoded)
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(decodedWithSpecialTokens)
  })

  it('decodes bytes that are not UTF-8 to the same replacement characters', () => {
    for (const { ids, decoded } of expected.decode) expect(tokenizer.decode(ids)).toBe(decoded)
  })

  it('knows its special tokens and its size', () => {
    expect(tokenizer).toMatchObject({ vocabSize: expected.vocabSize, bosTokenId: 0, eosTokenId: 1 })
    expect(tokenizer.padTokenId).toBeUndefined()
  })

  it('splits at white space as Unicode defines it, not as JavaScript does', async () => {
    const merging = await AutoTokenizer.fromPretrained(join(goldens, 'white-space'))
    for (const { text, ids } of expected.whiteSpace)
      expect(merging.encode(text), JSON.stringify(text)).toEqual(ids)
  })
})

describe('arguments', () => {
  it('decodes nothing to nothing, and takes any iterable of ids', () => {
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.decode([0, 1])).toBe('')
    expect(tokenizer.decode(Int32Array.from(tokenizer.encode('typed')))).toBe('typed')
  })

  it.each([1024, -1, 0.5, Number.NaN])('refuses to decode the id %s', (id) => {
    const decode = () => tokenizer.decode([5, id])
    expect(decode).toThrow(TokenizerError)
    expect(decode).toThrow(`token id ${id} is not in the vocabulary`)
    expect(() => tokenizer.createStreamDecoder().push(id)).toThrow(TokenizerError)
  })

  it('refuses to encode anything but a string', () => {
    // @ts-expect-error a list of texts is not a text
    expect(() => tokenizer.encode(['a', 'b'])).toThrow('the text to encode is a list of 2, expected a string')
  })
})

describe('special tokens of tokenizer_config.json that tokenizer.json lacks', () => {
  const words = { type: 'WordLevel', vocab: { hello: 0, '<unk>': 1, world: 2 }, unk_token: '<unk>' }
  const json = { model: words, pre_tokenizer: { type: 'WhitespaceSplit' } }

  it('are added with the ids that transformers gives them', async () => {
    const config = {
      unk_token: '<unk>',
      eos_token: { content: '<end>' },
      pad_token: '<pad>',
      added_tokens_decoder: { 7: { content: '<tool>', special: false } },
      additional_special_tokens: ['<extra>'],
    }
    const files = { 'tokenizer.json': json, 'tokenizer_config.json': config }
    const completed = await withFolder(files, AutoTokenizer.fromPretrained)
    expect(completed.vocabSize).toBe(7)
    expect(completed.eosTokenId).toBe(8)
    expect(completed.padTokenId).toBe(9)
    const ids = completed.encode('hello<tool>world<end><pad><extra><unk>')
    expect(ids).toEqual([0, 7, 2, 8, 9, 10, 1])
    expect(completed.decode(ids)).toBe('hello <tool> world')
  })

  it('are taken from special_tokens_map.json when the configuration leaves them open', async () => {
    const map = { bos_token: 'hello', eos_token: 'world' }
    const files = {
      'tokenizer.json': json,
      'tokenizer_config.json': { eos_token: '<unk>' },
      'special_tokens_map.json': map,
    }
    const completed = await withFolder(files, AutoTokenizer.fromPretrained)
    expect([completed.bosTokenId, completed.eosTokenId]).toEqual([0, 1])
  })
})
