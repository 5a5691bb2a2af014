import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AutoTokenizer, type Tokenizer, TokenizerError } from './index.js'
import { goldens, withFolder } from './test-folder.js'

const demo = await AutoTokenizer.fromPretrained(goldens)

const bytesOf = (tokenizer: Tokenizer, ids: readonly number[]) =>
  Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)))

/** A tokenizer of these tokens, in this order. */
const withTokens = (tokens: readonly string[], decoder: object | null): Promise<Tokenizer> => {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  const model = { type: 'BPE', vocab, merges: [], unk_token: '<unk>', byte_fallback: true }
  const added_tokens = [
    { id: tokens.length, content: '</s>', special: true },
    { id: tokens.length + 1, content: '<tool>', special: false },
  ]
  return withFolder({ 'tokenizer.json': { model, decoder, added_tokens } }, AutoTokenizer.fromPretrained)
}

const text = (tokenizer: Tokenizer, count: number) =>
  Array.from({ length: count }, (_, id) => Buffer.from(tokenizer.tokenBytes(id)).toString('latin1'))

describe('the bytes of tokens', () => {
  it('of a byte-level vocabulary are those of the text, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (written) => {
        const ids = demo.encode(written, { addSpecialTokens: false })
        expect(bytesOf(demo, ids).toString()).toBe(demo.decode(ids))
      }),
    )
    const ids = demo.encode(' 😀', { addSpecialTokens: false })
    expect(ids.length).toBeGreaterThan(2)
    expect(bytesOf(demo, ids)).toEqual(Buffer.from(' 😀'))
  })

  it('are none of special tokens, and of ids without a token', () => {
    expect([0, 1, demo.vocabSize].map((id) => demo.tokenBytes(id).length)).toEqual([0, 0, 0])
    expect(() => demo.tokenBytes(-1)).toThrow(TokenizerError)
  })

  it('of a vocabulary with marks for spaces, and with tokens for bytes, are a space and that byte', async () => {
    const decoder = {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    }
    const tokenizer = await withTokens(['<unk>', '▁cat', '▁', '<0xF0>', 'é'], decoder)
    expect(text(tokenizer, 7)).toEqual(['<unk>', ' cat', ' ', '\xf0', '\xc3\xa9', '', '<tool>'])
  })

  it.each([
    ['Metaspace', { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' }, [' cat', '##s']],
    ['WordPiece', { type: 'WordPiece', prefix: '##', cleanup: true }, [' ▁cat', 's']],
    ['none', null, [' ▁cat', ' ##s']],
  ])('of decoder %s are those that they have behind another token', async (_, decoder, expected) => {
    const tokenizer = await withTokens(['▁cat', '##s'], decoder)
    const utf8 = [0, 1].map((id) => Buffer.from(tokenizer.tokenBytes(id)).toString())
    expect(utf8).toEqual(expected)
  })
})
