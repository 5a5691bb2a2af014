import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AutoTokenizer, type DecodeOptions, type Tokenizer } from './index.js'
import { createStreamDecoder } from './stream-decoder.js'
import { goldens, withFolder } from './test-folder.js'

const demo = await AutoTokenizer.fromPretrained(goldens)

function stream(tokenizer: Tokenizer, ids: readonly number[], options?: DecodeOptions): string[] {
  const decoder = tokenizer.createStreamDecoder(options)
  return [...ids.map((id) => decoder.push(id)), decoder.flush()]
}

describe('createStreamDecoder', () => {
  it('hands out the text of every token at once', () => {
    expect(stream(demo, demo.encode('Once upon a time')).filter(Boolean)).toEqual([
      'On',
      'c',
      'e',
      ' up',
      'on',
      ' a',
      ' t',
      'i',
      'me',
    ])
  })

  it('never shows a part of a character', () => {
    const pieces = stream(demo, demo.encode('a 😀 世界 é'))
    expect(pieces.join('')).toBe('a 😀 世界 é')
    expect(pieces.filter((piece) => piece.includes('\uFFFD'))).toEqual([])
    expect(pieces).toContain('😀')
  })

  it('gives an unfinished character at the end as U+FFFD on flush', () => {
    const ids = demo.encode('ok 😀').slice(0, -1)
    const pieces = stream(demo, ids)
    expect(pieces.at(-1)).toBe('\uFFFD')
    expect(pieces.join('')).toBe(demo.decode(ids))
  })

  it('begins anew after flush', () => {
    const decoder = demo.createStreamDecoder()
    const read = (text: string) =>
      demo
        .encode(text)
        .map((id) => decoder.push(id))
        .join('') + decoder.flush()
    expect([read('one'), read(' two')]).toEqual(['one', ' two'])
  })

  it('shows special tokens when asked to', () => {
    const ids = [...demo.encode('x'), 1]
    expect(stream(demo, ids, { skipSpecialTokens: false }).join('')).toBe('<s>x</s>')
    expect(stream(demo, ids).join('')).toBe('x')
  })

  it('equals decode for any ids, valid UTF-8 or not', () => {
    const ids = fc.array(fc.integer({ min: 0, max: demo.vocabSize - 1 }), { maxLength: 60 })
    fc.assert(
      fc.property(ids, fc.boolean(), (list, skipSpecialTokens) => {
        const options = { skipSpecialTokens }
        expect(stream(demo, list, options).join('')).toBe(demo.decode(list, options))
      }),
    )
  })

  it('equals decode for long runs of bytes that are not UTF-8', () => {
    const ids = Array.from({ length: demo.vocabSize }, (_, id) => id)
    const bytes = ids.filter((id) => demo.decode([id]) === '\uFFFD')
    expect(bytes.length).toBeGreaterThan(100)
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...bytes), { minLength: 20, maxLength: 80 }), (list) => {
        expect(stream(demo, list).join('')).toBe(demo.decode(list))
      }),
    )
  })

  it('decodes only a few tokens at a time, even when no character ever ends', () => {
    const lengths: number[] = []
    const decoder = createStreamDecoder({
      isByte: () => false,
      decode(ids) {
        lengths.push(ids.length)
        return '\uFFFD'.repeat(ids.length)
      },
    })
    for (let id = 0; id < 1000; id++) decoder.push(id)
    expect(Math.max(...lengths)).toBeLessThan(20)
  })
})

describe('other decoders', () => {
  const sentencePiece = {
    model: {
      type: 'Unigram',
      unk_id: 0,
      byte_fallback: true,
      vocab: ['<unk>', '▁', '▁a', 'b', '▁b', '<0xF0>', '<0x9F>', '<0x98>', '<0x80>'].map((token) => [
        token,
        -1,
      ]),
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
  }
  const wordPiece = {
    model: {
      type: 'WordPiece',
      unk_token: '?',
      vocab: { '?': 0, i: 1, "'": 2, m: 3, '##s': 4, '.': 5, '!': 6, n: 7 },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  }
  const load = (json: object, config = {}) =>
    withFolder({ 'tokenizer.json': json, 'tokenizer_config.json': config }, AutoTokenizer.fromPretrained)

  it.each([
    ['sentencepiece with byte fallback', sentencePiece, {}, 9],
    ['wordpiece', wordPiece, {}, 8],
    ['wordpiece with clean-up', wordPiece, { clean_up_tokenization_spaces: true }, 8],
  ])('equals decode for %s', async (_, json, config, size) => {
    const tokenizer = await load(json, config)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: size - 1 }), { maxLength: 30 }), (ids) => {
        expect(stream(tokenizer, ids).join('')).toBe(tokenizer.decode(ids))
      }),
    )
  })

  it('strips the first space only, and joins byte tokens to a character once their run has ended', async () => {
    const tokenizer = await load(sentencePiece)
    expect(stream(tokenizer, [2, 4, 1, 5, 6, 7, 8, 3])).toEqual(['a', ' b', ' ', '', '', '', '', '😀b', ''])
  })

  it('goes on where the text of other ids ends: prompt and pieces are the decoded whole', async () => {
    const tokenizer = await load(sentencePiece)
    const after = [0, 2, 4]
    const decoder = tokenizer.createStreamDecoder({ after })
    const pieces = [4, 5, 6].map((id) => decoder.push(id)).join('') + decoder.flush()
    expect(pieces).toBe(' b\uFFFD\uFFFD')
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1 }),
        fc.array(fc.integer({ min: 0, max: 8 })),
        (prompt, ids) => {
          const following = tokenizer.createStreamDecoder({ after: prompt })
          const text = ids.map((id) => following.push(id)).join('') + following.flush()
          expect(tokenizer.decode(prompt) + text).toBe(tokenizer.decode([...prompt, ...ids]))
        },
      ),
    )
  })

  it('leaves special tokens out, but for those that are kept', async () => {
    const special = { special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }
    const added_tokens = ['<call>', '</s>'].map((content, index) => ({ id: 9 + index, content, ...special }))
    const tokenizer = await load({ ...sentencePiece, added_tokens })
    const text = (keptTokenIds?: number[]) => {
      const decoder = tokenizer.createStreamDecoder({ keptTokenIds })
      return [2, 9, 3, 10].map((id) => decoder.push(id)).join('') + decoder.flush()
    }
    expect([text(), text([9])]).toEqual(['ab', 'a<call>b'])
  })

  it('cleans up spaces before punctuation only where the configuration says so', async () => {
    const ids = [1, 2, 3, 5]
    expect((await load(wordPiece)).decode(ids)).toBe("i ' m .")
    expect((await load(wordPiece, { clean_up_tokenization_spaces: true })).decode(ids)).toBe("i'm.")
  })
})
