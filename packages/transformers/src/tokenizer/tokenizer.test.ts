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
    const [first, beyond] = [tokenizer.idToToken(0), tokenizer.idToToken(expected.vocabSize)]
    expect(tokenizer.encode(first!, { addSpecialTokens: false })).toEqual([0])
    expect(beyond).toBeUndefined()
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

  it.each([-1, 0.5, Number.NaN])('refuses to decode the id %s', (id) => {
    const decode = () => tokenizer.decode([5, id])
    expect(decode).toThrow(TokenizerError)
    expect(decode).toThrow(`token id ${id} is no whole number from 0 on`)
    expect(() => tokenizer.createStreamDecoder().push(id)).toThrow(TokenizerError)
  })

  it('decodes an id without a token to nothing, since logits may be wider than the vocabulary', () => {
    const [id] = tokenizer.encode('typed', { addSpecialTokens: false })
    expect(tokenizer.decode([id!, 1024, 4000])).toBe(tokenizer.decode([id!]))
    expect(tokenizer.createStreamDecoder().push(1024)).toBe('')
  })

  it('refuses to decode a stream with options that nobody knows', () => {
    // @ts-expect-error misspelt
    expect(() => tokenizer.createStreamDecoder({ keptTokens: [5] })).toThrow(
      expect.objectContaining({ code: 'OPTION_UNKNOWN', hint: expect.stringContaining('keptTokenIds') }),
    )
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
    expect(completed.eosTokenId).toBe(4)
    expect(completed.padTokenId).toBe(5)
    const ids = completed.encode('hello<tool>world<end><pad><extra><unk>')
    expect(ids).toEqual([0, 3, 2, 4, 5, 6, 1])
    expect(completed.decode(ids)).toBe('hello <tool> world')
  })

  it('are those of special_tokens_map.json in a folder of the old form, and of the configuration in one of the new', async () => {
    const load = (config: object) =>
      withFolder(
        {
          'tokenizer.json': json,
          'tokenizer_config.json': config,
          'special_tokens_map.json': { bos_token: 'hello', eos_token: 'world' },
        },
        AutoTokenizer.fromPretrained,
      )
    const old = await load({ eos_token: '<unk>' })
    expect([old.bosTokenId, old.eosTokenId]).toEqual([0, 2])
    const recent = await load({ eos_token: '<unk>', added_tokens_decoder: {} })
    expect([recent.bosTokenId, recent.eosTokenId]).toEqual([undefined, 1])
  })
})
