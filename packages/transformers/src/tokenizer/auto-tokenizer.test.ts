import { join } from 'node:path'
import { CheckpointError } from '@hfquant/core'
import { describe, expect, it } from 'vitest'
import { AutoTokenizer, TokenizerFileError } from './index.js'
import { withFolder } from './test-folder.js'

const model = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] }

async function failure(files: { [name: string]: string | object }): Promise<TokenizerFileError> {
  const error = await withFolder(files, AutoTokenizer.fromPretrained).catch((reason: unknown) => reason)
  expect(TokenizerFileError.isInstance(error)).toBe(true)
  return error as TokenizerFileError
}

describe('AutoTokenizer.fromPretrained', () => {
  it('needs nothing but tokenizer.json', async () => {
    const tokenizer = await withFolder({ 'tokenizer.json': { model } }, AutoTokenizer.fromPretrained)
    expect(tokenizer.encode('aba')).toEqual([2, 0])
    expect(tokenizer.bosTokenId).toBeUndefined()
  })

  it('accepts files with a byte order mark', async () => {
    const files = { 'tokenizer.json': `\uFEFF${JSON.stringify({ model })}` }
    expect((await withFolder(files, AutoTokenizer.fromPretrained)).vocabSize).toBe(3)
  })

  it('says what to do when tokenizer.json is missing', async () => {
    const error = await failure({ 'tokenizer_config.json': {} })
    expect(error.code).toBe('TOKENIZER_FILE_MISSING')
    expect(error.hint).toContain('Download tokenizer.json')
    expect(CheckpointError.isInstance(error)).toBe(true)
  })

  it('names a file that is not JSON', async () => {
    const pointer = await failure({ 'tokenizer.json': 'version https://git-lfs.github.com/spec/v1' })
    expect(pointer.code).toBe('TOKENIZER_FILE_NOT_JSON')
    expect(pointer.hint).toContain('Git LFS')
    const config = await failure({ 'tokenizer.json': { model }, 'tokenizer_config.json': '{"a":' })
    expect(config.file).toMatch(/tokenizer_config\.json$/)
    expect((await failure({ 'tokenizer.json': '[]' })).expected).toBe('an object')
  })

  it('names a file that cannot be read', async () => {
    const error = await failure({ 'tokenizer.json/inside': '' })
    expect(error.code).toBe('TOKENIZER_FILE_UNREADABLE')
    expect(error.message).toContain(join('tokenizer.json'))
  })

  it('refuses lists in lists without end, in every file', async () => {
    const deep = `${'['.repeat(1e6)}${']'.repeat(1e6)}`
    const expected = { code: 'TOKENIZER_FILE_INVALID', message: expect.stringContaining('levels') }
    expect(await failure({ 'tokenizer.json': `{"model": ${deep}}` })).toMatchObject(expected)
    const files = { 'tokenizer.json': { model } }
    expect(await failure({ ...files, 'tokenizer_config.json': `{"a": ${deep}}` })).toMatchObject(expected)
    // Brackets in texts are no levels.
    const vocab = { ['["\\'.repeat(100)]: 0 }
    const tokenizer = { 'tokenizer.json': { model: { type: 'BPE', vocab, merges: [] } } }
    expect((await withFolder(tokenizer, AutoTokenizer.fromPretrained)).vocabSize).toBe(1)
  })

  it('refuses a configuration that is larger than any real one', async () => {
    const error = await failure({
      'tokenizer.json': { model },
      'tokenizer_config.json': ' '.repeat(16777217),
    })
    expect(error).toMatchObject({ code: 'TOKENIZER_FILE_TOO_LARGE', found: 16777217, expected: 16777216 })
  })

  it.each([
    ['model', {}],
    ['model.vocab', { model: { type: 'BPE', vocab: 3, merges: [] } }],
    ['model.vocab["a"]', { model: { ...model, vocab: { a: -1 } } }],
    ['model.vocab["a"]', { model: { ...model, vocab: { a: 4294967295 } } }],
    ['model.vocab[1]', { model: { type: 'Unigram', vocab: [['a', 0], ['b']] } }],
    ['model.merges', { model: { type: 'BPE', vocab: { a: 0 } } }],
    ['model.merges[0]', { model: { ...model, merges: ['ab'] } }],
    ['added_tokens', { model, added_tokens: { a: 1 } }],
    ['added_tokens[0].id', { model, added_tokens: [{ id: '1', content: 'x' }] }],
    ['added_tokens[0].content', { model, added_tokens: [{ id: 3 }] }],
    ['decoder', { model, decoder: 'ByteLevel' }],
  ])('names the wrong field %s of tokenizer.json', async (field, json) => {
    const error = await failure({ 'tokenizer.json': json })
    expect(error).toMatchObject({ code: 'TOKENIZER_FILE_INVALID', field })
    expect(error.message).toContain(`${field} in tokenizer.json is`)
  })

  it.each([
    ['bos_token', { bos_token: 5 }],
    ['added_tokens_decoder["x"]', { added_tokens_decoder: { x: { content: 'c' } } }],
    ['additional_special_tokens', { additional_special_tokens: [4] }],
    ['chat_template', { chat_template: 7 }],
    ['chat_template[0]', { chat_template: [{ name: 'default' }] }],
  ])('names the wrong field %s of tokenizer_config.json', async (field, config) => {
    const error = await failure({ 'tokenizer.json': { model }, 'tokenizer_config.json': config })
    expect(error).toMatchObject({ code: 'TOKENIZER_FILE_INVALID', field, file: 'tokenizer_config.json' })
  })

  it('reports a stage that it does not know', async () => {
    const error = await failure({ 'tokenizer.json': { model, normalizer: { type: 'Rot13' } } })
    expect(error.code).toBe('TOKENIZER_UNSUPPORTED')
    expect(error.message).toContain('Rot13')
  })
})
