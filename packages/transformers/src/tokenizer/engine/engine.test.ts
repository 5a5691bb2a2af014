import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AutoTokenizer, type Tokenizer, TokenizerError, TokenizerFileError } from '../index.js'
import { goldens, readGolden, withFolder } from '../test-folder.js'

interface Expected {
  readonly encode: readonly (readonly [text: string, ids: readonly number[]])[]
  readonly decode: readonly (readonly [ids: readonly number[], text: string])[]
}

/** What Python's `tokenizers` 0.23 makes of small files that stand for real ones. */
const folders = (await readdir(join(goldens, 'cases'))).filter(
  (name) => !/special-tokens|added-tokens/.test(name),
)

describe('files of real repositories, as Python reads them', () => {
  it.each(folders)('%s', async (name) => {
    const { encode, decode } = await readGolden<Expected>(`cases/${name}/expected.json`)
    const tokenizer = await AutoTokenizer.fromPretrained(join(goldens, 'cases', name))
    for (const [text, ids] of encode) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids)
    for (const [ids, text] of decode) {
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), ids.join()).toBe(text)
    }
  })

  it('added_tokens.json names tokens that tokenizer.json lacks', async () => {
    const folder = 'cases/added-tokens-json'
    const { text, ids } = await readGolden<{ text: string; ids: number[] }>(`${folder}/expected.json`)
    expect((await AutoTokenizer.fromPretrained(join(goldens, folder))).encode(text)).toEqual(ids)
  })

  it('special_tokens_map.json wins in a folder of the old form', async () => {
    const folder = 'cases/two-files-name-special-tokens'
    const { bosTokenId, eosTokenId, padTokenId } = await readGolden<Tokenizer>(`${folder}/expected.json`)
    const tokenizer = await AutoTokenizer.fromPretrained(join(goldens, folder))
    expect(tokenizer).toMatchObject({ bosTokenId, eosTokenId, padTokenId })
  })
})

const letters = Object.fromEntries(Array.from('abcdefghijklmnopqrstuvwxyz!', (letter, id) => [letter, id]))
const bytePair = { type: 'BPE', vocab: { ...letters, aa: 30, aaaa: 31 }, merges: ['a a', 'aa aa'] }
const unigram = {
  type: 'Unigram',
  unk_id: 0,
  vocab: [
    ['?', 0],
    ['a', -2],
    ['aa', -3],
    ['b', -2],
  ],
}

const load = (json: object): Promise<Tokenizer> =>
  withFolder({ 'tokenizer.json': { model: bytePair, ...json } }, AutoTokenizer.fromPretrained)

const split = (pattern: string) => ({
  pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
})

describe('files that would take all time or memory', () => {
  it.each(['((a+)+)+$', '(a|a)*!', '(a*)*!', '(?:a{1,9}){1,9}!', '(?=(a+)+!)a', '(?>a+)(a|aa)+!'])(
    'the pattern %s ends',
    async (pattern) => {
      const tokenizer = await load(split(pattern))
      const text = `${'a'.repeat(4096)}b`
      try {
        expect(tokenizer.decode(tokenizer.encode(text)).replaceAll(' ', '')).toBe(text)
      } catch (error) {
        expect(error).toMatchObject({ code: 'TOKENIZER_UNSUPPORTED', field: 'pre_tokenizer.pattern' })
      }
    },
  )

  it('a template that repeats the text is refused by the number of ids', async () => {
    const single = Array.from({ length: 30_000 }, () => ({ Sequence: { id: 'A' } }))
    const tokenizer = await load({ post_processor: { type: 'TemplateProcessing', single } })
    expect(() => tokenizer.encode('abc'.repeat(1000))).toThrow(TokenizerError)
  })

  it('an added token of a million characters is looked for in the time of reading', async () => {
    const added_tokens = [{ id: 40, content: 'a'.repeat(1_000_000), special: true }]
    const tokenizer = await load({ added_tokens })
    expect(tokenizer.encode('a'.repeat(100_000))).toHaveLength(25_000)
  })

  it('a word of any length is one of WordPiece, if the file says so', async () => {
    const model = { type: 'WordPiece', unk_token: '!', continuing_subword_prefix: '', vocab: letters }
    const tokenizer = await load({ model: { ...model, max_input_chars_per_word: 1e9 } })
    expect(tokenizer.encode('ab'.repeat(10_000))).toHaveLength(20_000)
  })

  it('long texts without a space are encoded by every model', async () => {
    expect((await load({ model: unigram })).encode('aab'.repeat(140_000))).toHaveLength(280_000)
    expect((await load({})).encode('a'.repeat(400_000))).toHaveLength(100_000)
  })

  it.each([
    ['pre_tokenizer.length', { pre_tokenizer: { type: 'FixedLength', length: 0 } }],
    ['post_processor.single', { post_processor: { type: 'TemplateProcessing' } }],
    ['post_processor.single', { post_processor: { type: 'TemplateProcessing', single: 'x', pair: 5 } }],
    ['post_processor.cls', { post_processor: { type: 'BertProcessing' } }],
    ['decoder.decoders[0]', { decoder: { type: 'Sequence', decoders: [null] } }],
    ['normalizer.pattern', { normalizer: { type: 'Replace', content: '' } }],
    ['normalizer.strip_left', { normalizer: { type: 'Strip' } }],
    ['model.merges[0]', { model: { ...bytePair, merges: ['a 7'] } }],
    ['model.unk_id', { model: { ...unigram, unk_id: 9 } }],
  ])('%s that is absent or wrong is named when the tokenizer is made', async (field, json) => {
    const error = await load(json).catch((reason: unknown) => reason)
    expect(TokenizerFileError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ code: 'TOKENIZER_FILE_INVALID', field })
  })

  const stages = (count: number, stage: object) => Array.from({ length: count }, () => stage)
  const doubling = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' }

  it.each([
    [
      'pre_tokenizer',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: stages(50_000, { type: 'Whitespace' }) } },
    ],
    ['normalizer', { normalizer: { type: 'Sequence', normalizers: stages(5, { type: 'ByteLevel' }) } }],
    ['decoder', { decoder: { type: 'Sequence', decoders: stages(300, { type: 'Fuse' }) } }],
  ])('%s with more stages than any real one is refused', async (field, json) => {
    const error = await load(json).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'TOKENIZER_FILE_INVALID', field })
  })

  it('stages that multiply a text are refused when there is one', async () => {
    const grown = {
      code: 'TOKENIZER_UNSUPPORTED',
      hint: 'No tokenizer is built like this; do not trust the file.',
    }
    const normalizers = stages(40, doubling)
    const inTurn = await load({ normalizer: { type: 'Sequence', normalizers } })
    expect(() => inTurn.encode('aaaa')).toThrow(expect.objectContaining(grown))
    const nested = (depth: number): object => ({
      type: 'Sequence',
      normalizers: depth === 0 ? stages(5, doubling) : stages(5, nested(depth - 1)),
    })
    const within = await load({ normalizer: nested(2) })
    expect(() => within.encode('aaaa')).toThrow(expect.objectContaining(grown))
    const pattern = { Regex: '' }
    const atOnce = await load({ normalizer: { type: 'Replace', pattern, content: 'a'.repeat(1_000_000) } })
    expect(() => atOnce.encode('b'.repeat(10_000))).toThrow(expect.objectContaining(grown))
    const back = await load({ decoder: { type: 'Sequence', decoders: stages(40, doubling) } })
    expect(() => back.decode([0, 0])).toThrow(expect.objectContaining(grown))
  })

  it('a template of many pieces takes the time of its ids', async () => {
    const single = [...stages(60_000, { SpecialToken: { id: 'a' } }), { Sequence: { id: 'A' } }]
    const special_tokens = { a: { id: 'a', ids: [1], tokens: ['a'] } }
    const tokenizer = await load({ post_processor: { type: 'TemplateProcessing', single, special_tokens } })
    expect(tokenizer.encode('a').length).toBeGreaterThan(60_000)
  })

  it('ids that a later template leaves out are counted, too', async () => {
    const single = stages(30_000, { Sequence: { id: 'A' } })
    const processors = [single, single, []].map((one) => ({ type: 'TemplateProcessing', single: one }))
    const tokenizer = await load({ post_processor: { type: 'Sequence', processors } })
    expect(() => tokenizer.encode('abc')).toThrow(TokenizerError)
  })

  it('a text of many words is not tried without end for each', async () => {
    const tokenizer = await load(split('(?=(?:a|aa)+!)a|b'))
    const error = await tokenizer
      .encodeAsync(`${'a'.repeat(40)}b`.repeat(100))
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'TOKENIZER_UNSUPPORTED' })
  })

  const refused = [
    ...['(a', 'a)', '[a', '(a)\\1', '\\p{Nothing}', '*', 'a{2000}', '(?<=a+)b', '[z-a]'],
    ...['(?:){1000}{1000}{1000}{1000}', `(?:ab)${'*'.repeat(20_000)}`, `(?:ab)${'*'.repeat(5_000)}`],
    Array.from({ length: 2000 }, (_, index) => String.fromCharCode(0x4e00 + index)).join(''),
  ]
  it.each(refused.map((pattern) => [pattern.slice(0, 40), pattern] as const))(
    'the pattern %s is refused when the tokenizer is made',
    async (_shown, pattern) => {
      const error = await load(split(pattern)).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'TOKENIZER_UNSUPPORTED', field: 'pre_tokenizer.pattern' })
    },
  )
})

it('a text whose beginning is removed gets no mark in front, where only the first text does', async () => {
  const tokenizer = await load({
    normalizer: { type: 'Nmt' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    model: { ...bytePair, vocab: { ...bytePair.vocab, '▁': 40 } },
  })
  expect(tokenizer.encode('a')).toEqual([40, 0])
  expect(tokenizer.encode('\x7Fa')).toEqual([0])
})

describe('encodeAsync', () => {
  it('gives the ids of encode, and lets timers run', async () => {
    const tokenizer = await load({ model: unigram })
    const text = 'aab'.repeat(100_000)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const ids = await tokenizer.encodeAsync(text)
    clearInterval(timer)
    expect(ids).toEqual(tokenizer.encode(text))
    expect(ticks).toBeGreaterThan(0)
  })

  it('ends with the reason of a signal', async () => {
    const tokenizer = await load(split('a'))
    const controller = new AbortController()
    const encoding = tokenizer.encodeAsync('ab'.repeat(2_000_000), { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 5)
    await expect(encoding).rejects.toThrow('enough')
  })

  it('ends where no more ids are of use', async () => {
    const tokenizer = await load(split('a'))
    const encoding = tokenizer.encodeAsync('ab'.repeat(100_000), { maxTokens: 100 })
    await expect(encoding).rejects.toMatchObject({ code: 'TEXT_TOO_LONG', expected: 100 })
  })
})

it('reads Infinity in tokenizer_config.json, as Python writes it', async () => {
  const files = {
    'tokenizer.json': { model: bytePair },
    'tokenizer_config.json': '{"model_max_length": Infinity}',
  }
  expect((await withFolder(files, AutoTokenizer.fromPretrained)).encode('aab')).toEqual([30, 1])
})
