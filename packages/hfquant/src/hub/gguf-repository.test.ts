import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, test, vi } from 'vitest'
import { AutoModelForCausalLM, AutoTokenizer } from '../index.js'
import { startHubServer } from './hub-server.fixture.js'
import { resolveModel } from './index.js'
import { neededFiles } from './needed-files.js'
import { failure, fileRequests, home, hub, MODEL } from './test-hub.fixture.js'

const golden = new URL('../../../../goldens/gguf/tiny-qwen2-mixed/', import.meta.url)
const file = await readFile(new URL('model.gguf', golden))
const tokens = JSON.parse(await readFile(fileURLToPath(new URL('tokens.json', golden)), 'utf8'))

/** The hub with a repository of other files. */
async function serving(files: Record<string, string | Buffer>) {
  const other = await startHubServer(MODEL, files)
  vi.stubEnv('HF_ENDPOINT', other.endpoint)
  return other
}

const namesOf = (names: readonly string[], preferred?: string) =>
  neededFiles(
    MODEL,
    names.map((path) => ({ type: 'file', path, size: 1, oid: 'a'.repeat(40) })),
    'model',
    preferred,
  ).map(({ name }) => name)

describe('a repository of GGUF files', () => {
  it('with one of them is a model, with its configuration and its tokenizer in the file', async () => {
    await using _ = await serving({ 'README.md': '', 'mmproj-f16.gguf': 'sees', 'tiny-Q4.gguf': file })
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    expect(model.quantization?.method).toBe('gguf')
    const { text, ids } = tokens[0]
    expect((await model.tokenizer())!.encode(text, { addSpecialTokens: false })).toEqual(ids)
  })

  it('with several is asked for one of them behind its id', async () => {
    await using other = await serving({ 'a-Q4.gguf': file, 'b-Q8.gguf': 'large', 'tokenizer.json': '{}' })
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_SEVERAL_MODELS',
      hint: expect.stringContaining(`"${MODEL}/a-Q4.gguf"`),
    })
    const path = await resolveModel(`${MODEL}/a-Q4.gguf`)
    expect(basename(path)).toBe('a-Q4.gguf')
    expect(await readFile(path)).toEqual(file)
    expect(other.requests.some((request) => request.includes('b-Q8'))).toBe(false)

    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel(`${MODEL}/a-Q4.gguf`)).toBe(path)
    expect(await resolveModel(MODEL)).toBe(dirname(path))
    expect((await failure(resolveModel(`${MODEL}/b-Q8.gguf`))).message).toContain('lacks b-Q8.gguf')
  })

  it('gives the tokenizer of a file by the name of that file', async () => {
    await using _ = await serving({ 'a-Q4.gguf': file, 'b-Q8.gguf': 'large' })
    const tokenizer = await AutoTokenizer.fromPretrained(`${MODEL}/a-Q4.gguf`)
    expect(tokenizer.vocabSize).toBeGreaterThan(0)
  })

  it('is fetched with all parts of a file, and without its other files', () => {
    const parts = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']
    expect(namesOf(['config.json', ...parts, 'mmproj-m.gguf'])).toEqual(['config.json', ...parts])
    expect(namesOf(['q8.gguf', ...parts], parts[0])).toEqual(parts)
    expect(namesOf(['config.json', 'model.safetensors', 'q8.gguf'])).toEqual([
      'config.json',
      'model.safetensors',
    ])
    expect(namesOf(['config.json', 'model.safetensors', 'q8.gguf'], 'q8.gguf')).toEqual([
      'config.json',
      'q8.gguf',
    ])
  })

  it('lacks a file of another name, and says which files it has', async () => {
    const error = await failure(resolveModel(`${MODEL}/other.gguf`))
    expect(error).toMatchObject({ code: 'HUB_NOT_FOUND', found: 'other.gguf', expected: [] })
    expect(fileRequests()).toEqual([])
    expect(hub.requests.length).toBeGreaterThan(0)
    expect(() => namesOf(['a.gguf'], 'other.gguf')).toThrow(
      expect.objectContaining({ code: 'HUB_NOT_FOUND', hint: 'Its GGUF files are a.gguf.' }),
    )
  })
})

it('a GGUF file or a folder with one is there without config.json', async () => {
  const path = join(home, 'model.gguf')
  await writeFile(path, file)
  expect(await resolveModel(path)).toBe(path)
  expect(await resolveModel(home)).toBe(home)
  await writeFile(join(home, 'other.gguf'), file)
  expect(await failure(resolveModel(home))).toMatchObject({
    code: 'GGUF_SEVERAL',
    hint: expect.stringContaining(path),
  })
  expect(await failure(resolveModel(join(home, 'absent.gguf')))).toMatchObject({
    code: 'MODEL_FOLDER_MISSING',
  })
})

test.each([
  ['nothere.gguf', 'org/name/model.gguf'],
  ['models/nothere.gguf', 'org/name/model.gguf'],
  ['models/llama/nothere.gguf', 'org/name/model.gguf'],
  ['models/llama/modle.GGUF', 'Did you mean the file "models/llama/model.gguf"?'],
])('%s is a file that is missing, of which no hub is asked', async (name, hint) => {
  const before = process.cwd()
  await mkdir(join(home, 'models', 'llama'), { recursive: true })
  await writeFile(join(home, 'models', 'llama', 'model.gguf'), file)
  process.chdir(home)
  try {
    expect(await failure(resolveModel(name))).toMatchObject({
      ...{ code: 'MODEL_FOLDER_MISSING', file: name },
      message: expect.stringContaining(`"${name}" does not exist`),
      hint: expect.stringContaining(hint),
    })
  } finally {
    process.chdir(before)
  }
  expect(hub.requests).toEqual([])
})
