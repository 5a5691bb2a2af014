import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModelForCausalLM,
  INFO_CHANNEL,
  type InfoEvent,
  inspectModel,
  quantizeModel,
  recipe,
} from './index.js'
import { golden } from './testing/golden.fixture.js'
import { createGuardedOpener } from './testing/guarded-opener.fixture.js'
import { copyModel } from './testing/tiny-llama.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-hostile-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

let copies = 0
const copyOf = (model: string, change?: Parameters<typeof copyModel>[2]) =>
  copyModel(model, join(parent, `model-${copies++}`), change)

/** The smallest model there is, without a tokenizer. */
const copy = (change?: Parameters<typeof copyModel>[2]) => copyOf(golden('architectures/llama'), change)

const generate = async (folder: string) => {
  await using model = await AutoModelForCausalLM.fromPretrained(folder)
  let text = ''
  for await (const piece of model.generate('Once', { maxNewTokens: 2 })) text += piece.text
  return text
}

describe('code that lies in a model folder', () => {
  /** The method is named by a file of the model, its package lies in the model, and the process works there. */
  async function plant(nameIt: (folder: string) => Promise<void>): Promise<string> {
    const folder = await copy()
    await nameIt(folder)
    const name = 'hfquant-backend-evil'
    const planted = join(folder, 'node_modules', name)
    await mkdir(planted, { recursive: true })
    await writeFile(join(planted, 'package.json'), JSON.stringify({ name, exports: './index.cjs' }))
    await writeFile(join(planted, 'index.cjs'), 'globalThis.evil = true')
    await writeFile(join(folder, 'package.json'), JSON.stringify({ dependencies: { [name]: '*' } }))
    return folder
  }

  const block = JSON.stringify({ quant_method: 'evil' })
  test.each<[string, (folder: string) => Promise<void>]>([
    [
      'config.json',
      (folder) => editJson(join(folder, 'config.json'), { quantization_config: { quant_method: 'evil' } }),
    ],
    ['quantize_config.json', (folder) => writeFile(join(folder, 'quantize_config.json'), block)],
    ['quant_config.json', (folder) => writeFile(join(folder, 'quant_config.json'), block)],
  ])('never runs, whoever works in the folder: named by %s', async (_, nameIt) => {
    const folder = await plant(nameIt)
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
    for (const use of [
      () => inspectModel(folder),
      () => AutoModelForCausalLM.fromPretrained(folder),
      () => quantizeModel(folder, join(parent, 'out'), { quantizationConfig: { quant_method: 'evil' } }),
    ]) {
      await expect(use()).rejects.toMatchObject({ code: expect.stringMatching(/UNKNOWN|NOT_FOUND/) })
    }
    expect(globalThis).not.toHaveProperty('evil')
  })

  test('for Python is not needed where the family is known, and said to stay where it is', async () => {
    const folder = await copy()
    const code = { AutoModelForCausalLM: 'modeling_evil.EvilForCausalLM' }
    await editJson(join(folder, 'config.json'), { auto_map: code })
    const heard: string[] = []
    const listen = (event: unknown) => void heard.push((event as InfoEvent).message)
    subscribe(INFO_CHANNEL, listen)
    onTestFinished(() => void unsubscribe(INFO_CHANNEL, listen))
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    const said = `${join(folder, 'config.json')}: the code that auto_map names is never run`
    expect([heard, model.warnings]).toEqual([[said], []])
    await editJson(join(folder, 'config.json'), { architectures: ['EvilForCausalLM'], model_type: 'evil' })
    await expect(inspectModel(folder)).rejects.toMatchObject({
      code: 'ARCHITECTURE_UNKNOWN',
      hint: expect.stringMatching(/hfquant-model-evil.* auto_map names is never run/),
    })
  })
})

async function editJson(path: string, change: object): Promise<void> {
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
}

describe.skipIf(process.platform === 'win32')('a named pipe in the place of a file is not waited for', () => {
  test.each(['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'])(
    '%s',
    async (name) => {
      const folder = await copyOf(demoModel)
      await rm(join(folder, name), { force: true })
      execFileSync('mkfifo', [join(folder, name)])
      await expect(generate(folder)).rejects.toMatchObject({
        code: expect.stringMatching(/FILE_UNREADABLE$/),
      })
    },
  )

  test.each([
    'config.json',
    'quantize_config.json',
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
  ])('%s', async (name) => {
    const folder = await copy()
    if (/^(model|pytorch_model)\./.test(name)) await rm(join(folder, 'model.safetensors'))
    await rm(join(folder, name), { force: true })
    execFileSync('mkfifo', [join(folder, name)])
    await expect(inspectModel(folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })
})

describe.skipIf(process.platform === 'win32')(
  'no file of a folder is waited for, or read without end',
  () => {
    const opener = createGuardedOpener(join(parent, 'cache'))
    afterAll(() => opener.close())

    const others = {
      'a directory': (path: string) => mkdir(path),
      'a pipe': async (path: string) => execFileSync('mkfifo', [path]),
      'a socket': async (path: string) => {
        const server = createServer().listen(path)
        await once(server, 'listening')
        onTestFinished(() => void server.close())
      },
      'a device': (path: string) => symlink('/dev/zero', path),
      'a link to itself': (path: string) => symlink(path, path),
    }
    const names = [
      'config.json',
      'quantize_config.json',
      'quant_config.json',
      'model.safetensors',
      'model.safetensors.index.json',
      'pytorch_model.bin.index.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
      'added_tokens.json',
      'vocab.json',
      'chat_template.jinja',
      'chat_template.json',
      'additional_chat_templates',
      'generation_config.json',
    ]
    test.each(Object.entries(others))('%s in the place of one', async (_, put) => {
      for (const name of names) {
        const folder = await copy()
        for (const file of ['tokenizer.json', 'tokenizer_config.json'])
          await cp(join(golden('tokenizer/characters'), file), join(folder, file))
        await rm(join(folder, name), { force: true })
        await put(join(folder, name))
        const use = name === 'generation_config.json' ? 'compute' : 'texts'
        expect([name, (await opener.use(folder, use)).fault]).toEqual([name, undefined])
      }
    })
  },
)

test('a private file is not published by way of a link', async () => {
  await writeFile(join(parent, 'key'), 'a private key')
  const quantizationConfig = await recipe('int8-weight-only')
  const folder = await copy()
  await symlink('../key', join(folder, 'vocab.json'))
  const out = join(parent, 'published')
  for (const dryRun of [true, false]) {
    await expect(quantizeModel(folder, out, { quantizationConfig, dryRun })).rejects.toMatchObject({
      code: 'FILE_OUTSIDE_FOLDER',
      file: join(folder, 'vocab.json'),
    })
  }
  expect(existsSync(out)).toBe(false)
})
