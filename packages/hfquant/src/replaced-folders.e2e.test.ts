import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { copyModel } from './testing/tiny-llama.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-replaced-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const LLAMA = golden('architectures/llama')

let copies = 0
const copyOf = (model: string, change?: Parameters<typeof copyModel>[2]) =>
  copyModel(model, join(parent, `model-${copies++}`), change)

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
    const marked = (marker: string) => copyOf(LLAMA, (config) => ({ ...config, marker }))
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

    const folder = await copyOf(LLAMA)
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
