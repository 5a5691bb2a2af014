import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type GgufMetadata, type GgufValue, openGguf } from '@hfquant/gguf'
import { describe, expect, test } from 'vitest'
import { createTokenizer } from '../../tokenizer/create-tokenizer.js'
import { tokenizerOfGguf } from './tokenizer-of-gguf.js'

const golden = (path: string) =>
  fileURLToPath(new URL(`../../../../../goldens/gguf/${path}`, import.meta.url))

async function metadataOf(folder: string, name = 'model.gguf'): Promise<GgufMetadata> {
  await using file = await openGguf(golden(`${folder}/${name}`))
  return file.metadata
}

const key = (name: string) => `tokenizer.ggml.${name}`
const bool = (value: boolean): GgufValue => ({ type: 'bool', value })
const text = (value: string): GgufValue => ({ type: 'string', value })
const texts = (...all: readonly string[]): GgufValue => ({
  type: 'array',
  of: 'string',
  values: { length: all.length, bytes: () => undefined, text: (index) => all[index] },
})

/** A value that is no array. */
function plainValue(metadata: GgufMetadata, name: string): unknown {
  const found = metadata.get(key(name))
  return found?.type === 'array' ? undefined : found?.value
}

/** The tokenizer of a golden file with some keys in another way, or without them. */
async function changed(folder: string, changes: Readonly<Record<string, GgufValue | undefined>>) {
  const metadata = new Map(await metadataOf(folder))
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key(name))
    else metadata.set(key(name), value)
  }
  return tokenizerOfGguf(metadata, 'model.gguf')
}

describe.each([
  ['tiny-gemma3-q4_0', 'model.gguf'],
  ['tiny-gpt-oss-mxfp4', 'model.gguf'],
  ['tiny-llama-f16-spm', 'model.gguf'],
  ['tiny-llama-q4_k_m', 'model-Q4_K_M.gguf'],
  ['tiny-qwen2-mixed', 'model.gguf'],
  ['tiny-qwen3-q8_0', 'model.gguf'],
  ['tiny-qwen3moe-q4_1', 'model.gguf'],
])('%s', (folder, name) => {
  const samples = JSON.parse(readFileSync(golden(`${folder}/tokens.json`), 'utf8')) as {
    text: string
    ids: number[]
  }[]

  test('gives the ids of the tokenizer that the file was made from, and their text', async () => {
    const metadata = await metadataOf(folder, name)
    const tokenizer = createTokenizer(tokenizerOfGguf(metadata, name))
    const found = samples.map((sample) => ({
      text: sample.text,
      ids: tokenizer.encode(sample.text, { addSpecialTokens: false }),
    }))

    expect(found).toEqual(samples)
    const { ids, text: original } = samples[0]!
    expect(tokenizer.decode(ids)).toBe(original)
    const bos = Number(plainValue(metadata, 'bos_token_id'))
    const begins = plainValue(metadata, 'add_bos_token')
    expect(tokenizer.encode(original)).toEqual(begins ? [bos, ...ids] : ids)
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId]).toEqual([bos, plainValue(metadata, 'eos_token_id')])
  })
})

test.each([
  ['tiny-llama-f16-spm', 'model "llama"', { add_bos_token: undefined }, [1]],
  ['tiny-llama-f16-spm', 'an end', { add_bos_token: bool(false), add_eos_token: bool(true) }, [400]],
  ['tiny-qwen2-mixed', 'pre "qwen2"', { add_bos_token: undefined }, []],
  ['tiny-qwen2-mixed', 'pre "tekken"', { add_bos_token: undefined, pre: text('tekken') }, [348]],
  ['tiny-qwen2-mixed', 'no id of a beginning', { add_bos_token: bool(true), bos_token_id: undefined }, []],
] as const)('%s: what is put around a text, by %s', async (folder, _, changes, expected) => {
  const tokenizer = createTokenizer(await changed(folder, changes))
  const plain = tokenizer.encode('a', { addSpecialTokens: false })

  expect(tokenizer.encode('a').filter((id) => !plain.includes(id))).toEqual(expected)
})

test('chat templates come along, with their names', async () => {
  const metadata = new Map(await metadataOf('tiny-qwen2-mixed'))
  metadata.set('tokenizer.chat_template', text('plain'))
  metadata.set('tokenizer.chat_template.tools', text('with tools'))

  expect([...tokenizerOfGguf(metadata, 'model.gguf').templateFiles]).toEqual([
    ['default', 'plain'],
    ['tools', 'with tools'],
  ])
})

test.each([
  ['another kind', { model: text('bert') }, 'TOKENIZER_KIND', /kind "bert"/],
  ['an unknown split', { pre: text('viking') }, 'TOKENIZER_UNKNOWN', /"viking"/],
  ['no split', { pre: undefined }, 'TOKENIZER_UNKNOWN', /"default"/],
  ['no tokens', { tokens: undefined }, 'TOKENIZER_FILE_INVALID', /ggml.tokens" is not there/],
  [
    'a merge of one token',
    { merges: texts('a b', 'ab') },
    'TOKENIZER_FILE_INVALID',
    /merges\[1\] is not two/,
  ],
  ['a token twice', { tokens: texts('a', 'b', 'a') }, 'TOKENIZER_FILE_INVALID', /different tokens/],
  ['a text as tokens', { tokens: text('a') }, 'TOKENIZER_FILE_INVALID', /not an array of texts/],
  [
    'types of other tokens',
    { token_type: { type: 'array', of: 'i32', values: Int32Array.of(1) } },
    'TOKENIZER_FILE_INVALID',
    /token_type" is not as long/,
  ],
  [
    'an id beyond',
    { bos_token_id: { type: 'u32', value: 352 } },
    'TOKENIZER_FILE_INVALID',
    /one of 352 tokens/,
  ],
  ['a flag as an id', { bos_token_id: bool(true) }, 'TOKENIZER_FILE_INVALID', /one of 352 tokens/],
  ['a text as a flag', { add_bos_token: text('yes') }, 'TOKENIZER_FILE_INVALID', /not a boolean/],
] as const)('refuses a file with %s', async (_, changes, code, message) => {
  await expect(changed('tiny-qwen2-mixed', changes)).rejects.toMatchObject({
    code,
    message,
    file: 'model.gguf',
  })
})
