import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
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

describe('a folder that is replaced', () => {
  /** Puts another model in its place, as saving does. */
  async function replace(folder: string): Promise<void> {
    const next = await copyOf(demoModel, (config) => ({ ...config, marker: 'new' }))
    await rename(folder, `${folder}-old`)
    await rename(next, folder)
  }

  test('after it was loaded gives no tokenizer and no settings of the other model', async () => {
    const folder = await copyOf(demoModel)
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    await replace(folder)
    const replaced = { code: 'FOLDER_REPLACED', file: folder }
    await expect(model.tokenizer()).rejects.toMatchObject(replaced)
    await expect(model.generate('Once').next()).rejects.toMatchObject(replaced)
    await expect(model.savePretrained(join(parent, 'mixture'))).rejects.toMatchObject(replaced)
    expect(existsSync(join(parent, 'mixture'))).toBe(false)
  })

  test('while its weights stream in warns of the settings that lay beside these weights', async () => {
    const folder = await copyOf(demoModel)
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify({ num_beams: 4 }))
    const next = await copyOf(demoModel)
    const onProgress = () => {
      if (!existsSync(next)) return
      renameSync(folder, `${folder}-old`)
      renameSync(next, folder)
    }
    const options = { quantize: 'int8', cache: false, onProgress }
    await using model = await AutoModelForCausalLM.fromPretrained(folder, options)
    expect(existsSync(next)).toBe(false)
    expect(model.warnings).toEqual([expect.stringContaining('num_beams to 4')])
  })

  test('by the model itself keeps what lies beside the weights', async () => {
    const folder = await copyOf(demoModel)
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    await model.savePretrained(folder)
    expect((await model.tokenizer())?.encode('Once').length).toBeGreaterThan(0)
    const out = join(parent, 'kept')
    await model.savePretrained(out)
    expect(existsSync(join(out, 'tokenizer.json'))).toBe(true)
  })

  test('again and again while it is loaded is one model or the other, or an error', async () => {
    const marked = (marker: string) => copy((config) => ({ ...config, marker }))
    const models = { a: await marked('a'), b: await marked('b') }
    const path = join(models.b, 'model.safetensors')
    const bytes = await readFile(path)
    bytes[bytes.length - 1]! ^= 0x80
    await writeFile(path, bytes)
    const a = await savedWeights(models.a)
    const begun = performance.now()
    const weightsOf = { a, b: await savedWeights(models.b) }
    const duration = performance.now() - begun
    expect(weightsOf.a.weights).not.toEqual(weightsOf.b.weights)

    const folder = await copy()
    const turns = takeTurns(folder, [models.a, models.b], duration)
    const seen = new Set<string>()
    let loads = 0
    try {
      for (let round = 0; round < 5 || (loads < 3 && round < 50); round++) {
        const found = await savedWeights(folder).catch(({ code }: { code: string }) => ({ code }))
        if ('code' in found) seen.add(found.code)
        else if (found.marker !== undefined) {
          loads++
          expect(found.weights.equals(weightsOf[found.marker].weights)).toBe(true)
        }
      }
    } finally {
      await turns.end()
    }
    expect(loads).toBeGreaterThanOrEqual(3)
    const gone = [
      'FOLDER_REPLACED',
      'FILE_NOT_FOUND',
      'WEIGHTS_NOT_FOUND',
      'CONFIG_MISSING',
      'MODEL_FOLDER_MISSING',
    ]
    expect([...seen].filter((code) => !gone.includes(code))).toEqual([])
  })

  /** Loads a folder and saves what was loaded: the configuration's marker, and the weights that came with it. */
  async function savedWeights(folder: string) {
    const out = join(parent, `saved-${copies++}`)
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    const { marker } = model.config as { marker?: 'a' | 'b' }
    await model.savePretrained(out)
    const weights = await readFile(join(out, 'model.safetensors'))
    await rm(out, { recursive: true })
    return { marker, weights }
  }

  /**
   * Puts copies of the models into one folder, one after the other: some at once, some after a few times the duration of a
   * load, so that there is time for a whole one.
   */
  function takeTurns(folder: string, models: readonly string[], duration: number) {
    let ends = false
    const running = (async () => {
      for (let turn = 0; !ends; turn++) {
        await cp(models[turn % models.length]!, `${folder}-next`, { recursive: true })
        await rename(folder, `${folder}-aside`)
        await rename(`${folder}-next`, folder)
        await rm(`${folder}-aside`, { recursive: true })
        await setTimeout((turn % 4) * duration)
      }
    })()
    return {
      end() {
        ends = true
        return running
      },
    }
  }
})
