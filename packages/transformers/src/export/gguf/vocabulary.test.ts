import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportModel } from '../export-model.js'
import { copyModel, demoModel, temporaryFolder } from '../testing/folders.fixture.js'
import { readGguf } from '../testing/read-gguf.fixture.js'

const root = await temporaryFolder()
const own = JSON.parse(await readFile(join(demoModel, 'tokenizer.json'), 'utf8'))
let count = 0

type Changes = NonNullable<Parameters<typeof copyModel>[2]>

/** Exports the demo model with other tokenizer files. */
async function exported(changes: Changes, options: object = {}) {
  const name = join(root, `case-${count++}`)
  const out = `${name}.gguf`
  await copyModel(demoModel, name, changes)
  const { warnings } = await exportModel(name, out, { format: 'gguf', type: 'Q4_0', ...options })
  const { metadata } = await readGguf(out)
  return { warnings, key: (key: string) => metadata.get(`tokenizer.ggml.${key}`), metadata }
}

const withTokenizer = (changes: object) => exported({ tokenizer: { ...own, ...changes } })
const withModel = (changes: object) => withTokenizer({ model: { ...own.model, ...changes } })

test('the vocabulary of the demo model', async () => {
  const { key, warnings } = await exported({})
  expect(warnings).toEqual([])
  expect([key('model'), key('pre')]).toEqual(['gpt2', 'gpt-2'])
  const tokens = key('tokens') as string[]
  expect(tokens).toHaveLength(1024)
  for (const [token, id] of Object.entries(own.model.vocab)) expect(tokens[id as number]).toBe(token)
  expect((key('token_type') as number[]).slice(0, 4)).toEqual([3, 3, 1, 1])
  expect(key('merges')).toEqual(own.model.merges.map((merge: string | string[]) => [merge].flat().join(' ')))
  expect([key('bos_token_id'), key('eos_token_id')]).toEqual([0, 1])
  expect([key('add_bos_token'), key('add_eos_token')]).toEqual([true, false])
})

test('ids without a token, added tokens, further ends, and the chat template', async () => {
  const { [`${Object.keys(own.model.vocab).at(-1)}`]: last, ...vocab } = own.model.vocab
  const merges = own.model.merges.slice(0, 700)
  const { key, metadata } = await exported({
    tokenizer: {
      ...own,
      added_tokens: [...own.added_tokens, { id: last, content: '<extra>', special: false }],
      post_processor: { type: 'Sequence', processors: [own.post_processor] },
      model: { ...own.model, vocab: Object.fromEntries(Object.entries(vocab).slice(0, 1000)), merges },
    },
    tokenizerConfig: { bos_token: '<s>', eos_token: '</s>', chat_template: '{{ messages }}' },
    config: { eos_token_id: [1, 5] },
  })
  const [tokens, types] = [key('tokens') as string[], key('token_type') as number[]]
  expect([tokens[1010], types[1010]]).toEqual(['[PAD1010]', 5])
  // The id behind the vocabulary, as Python gives it, whatever the file says.
  expect([tokens[1000], types[1000]]).toEqual(['<extra>', 4])
  expect([key('eos_token_id'), key('eot_token_id'), key('add_bos_token')]).toEqual([1, 5, true])
  expect(metadata.get('tokenizer.chat_template')).toBe('{{ messages }}')
})

/** As published with the models. */
const LLAMA_3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const O200K = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

const bytes = (use_regex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
})
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const split = (expression: string) =>
  sequence(
    { type: 'Split', pattern: { Regex: expression }, behavior: 'Isolated', invert: false },
    bytes(false),
  )

describe('the pre-tokenizer is named by its expression', () => {
  test.each([
    ['gpt-2', bytes(true), false],
    ['llama-bpe', split(LLAMA_3), true],
    ['qwen2', split(LLAMA_3.replace('{1,3}', '')), false],
    ['smollm', sequence({ type: 'Digits', individual_digits: true }, bytes(true)), false],
    ['tekken', split(TEKKEN), true],
    ['gpt-4o', split(O200K), false],
  ])('%s', async (name, pre_tokenizer, ignore_merges) => {
    const { key, warnings } = await withTokenizer({
      pre_tokenizer,
      model: { ...own.model, ignore_merges },
    })
    expect(key('pre')).toBe(name)
    expect(warnings).toEqual([])
  })

  test('another one by the tokens it gives, with a warning', async () => {
    const { key, warnings } = await withTokenizer({
      pre_tokenizer: split(String.raw`[^\r\n]+|[\r\n]`),
      model: { ...own.model, merges: [] },
    })
    expect(key('pre')).toBe('gpt-2')
    expect(warnings).toEqual([expect.stringContaining('gives the same tokens on')])
  })

  test('one that nothing is like is refused, unless a name is given', async () => {
    const tokenizer = { ...own, pre_tokenizer: split('[aeiou]') }
    await expect(exported({ tokenizer })).rejects.toMatchObject({ code: 'PRE_TOKENIZER_UNKNOWN' })
    const { key } = await exported({ tokenizer }, { preTokenizer: 'falcon' })
    expect(key('pre')).toBe('falcon')
  })
})

/** "<unk>", the bytes, single characters and what merges make of them. */
function sentencePiece(changes: object = {}): object {
  const singles = ['▁', 'a', 'b', 'c']
  const merges = [
    ['a', 'b'],
    ['▁', 'ab'],
    ['▁', 'a'],
    ['▁a', 'b'],
  ]
  const hex = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const tokens = ['<unk>', '<s>', '</s>', ...hex, ...singles, 'ab', '▁ab', '▁a', 'never']
  return {
    added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, special: true })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      unk_token: '<unk>',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
    ...changes,
  }
}

describe('a vocabulary with a fallback to bytes', () => {
  const config = { bos_token_id: 1, eos_token_id: 2 }

  test('scores tokens by the first merge that makes them', async () => {
    const { key, warnings } = await exported({ tokenizer: sentencePiece(), config })
    expect([key('model'), key('pre'), key('add_space_prefix')]).toEqual(['llama', 'default', true])
    const [tokens, scores, types] = [key('tokens'), key('scores'), key('token_type')] as [
      string[],
      number[],
      number[],
    ]
    const describe = (token: string) => [scores[tokens.indexOf(token)], types[tokens.indexOf(token)]]
    expect(describe('ab')).toEqual([0, 1])
    expect(describe('▁ab')).toEqual([-1, 1])
    expect(describe('▁a')).toEqual([-2, 1])
    expect(describe('c')).toEqual([-1e6, 1])
    expect(describe('<0x0A>')).toEqual([0, 6])
    expect(types.slice(0, 3)).toEqual([2, 3, 3])
    expect(key('merges')).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('"never"')])
  })

  test('says whether a space comes first', async () => {
    const metaspace = (prepend_scheme: string) =>
      sentencePiece({
        normalizer: null,
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme },
      })
    const never = await exported({ tokenizer: metaspace('never'), config })
    expect(never.key('add_space_prefix')).toBe(false)
    const first = await exported({ tokenizer: metaspace('first'), config })
    expect(first.key('add_space_prefix')).toBe(true)
    expect(first.warnings).toContainEqual(expect.stringContaining('behind every special token'))
  })

  test('without one of the bytes is refused', async () => {
    const tokenizer = sentencePiece() as { model: { vocab: Record<string, number> } }
    delete tokenizer.model.vocab['<0x0A>']
    await expect(exported({ tokenizer, config })).rejects.toMatchObject({ code: 'VOCABULARY_BYTES' })
  })
})

describe('what would end the process of llama.cpp is refused', () => {
  const added = (id: number, content: string) => ({
    added_tokens: [...own.added_tokens, { id, content, special: false }],
  })
  const shorter = { ...own.model.vocab }
  delete shorter[Object.keys(shorter).at(-1)!]

  test.each([
    ['a token without an embedding', () => withTokenizer(added(1024, '<new>')), 'VOCABULARY_SIZE'],
    ['a token twice', () => withModel({ vocab: { ...shorter, '[PAD1023]': 900 } }), 'VOCABULARY_DUPLICATE'],
    ['an empty token', () => withModel({ vocab: { ...shorter, '': 1023 } }), 'VOCABULARY_EMPTY_TOKEN'],
    [
      'a lowercased text',
      () => withTokenizer({ normalizer: { type: 'Lowercase' } }),
      'VOCABULARY_NORMALIZER',
    ],
    ['BPE without bytes', () => withTokenizer({ pre_tokenizer: { type: 'Whitespace' } }), 'VOCABULARY_KIND'],
    [
      'a unigram model',
      () => withTokenizer({ model: { type: 'Unigram', unk_id: 0, vocab: [['a', -1]] } }),
      'VOCABULARY_KIND',
    ],
  ])('%s', async (_, run, code) => {
    await expect(run()).rejects.toMatchObject({ code })
  })

  test('no tokenizer at all', async () => {
    const folder = await copyModel(demoModel, join(root, 'bare'))
    await rm(join(folder, 'tokenizer.json'))
    const failure = exportModel(folder, join(root, 'bare.gguf'), { format: 'gguf' })
    await expect(failure).rejects.toMatchObject({ code: 'TOKENIZER_FILE_MISSING' })
  })

  test('NFC is passed over with a warning', async () => {
    const { warnings } = await withTokenizer({ normalizer: { type: 'NFC' } })
    expect(warnings).toEqual([expect.stringContaining('NFC')])
  })
})
