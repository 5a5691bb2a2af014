import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import { openSafetensors, writeSafetensors } from '@hfquant/safetensors'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AutoModelForCausalLM,
  INFO_CHANNEL,
  type InfoEvent,
  inspectModel,
  quantizeModel,
  recipe,
} from './index.js'
import { golden } from './testing/golden.fixture.js'

/** A text model in the files of one that sees as well, as the hub has them: "language_model.model.". */
const whole = golden('architectures/gemma3-in-multimodal')
const inputIds = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]]

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hfquant-text-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const configOf = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject

async function namesIn(folder: string): Promise<readonly string[]> {
  await using file = await openSafetensors(join(folder, 'model.safetensors'))
  return [...file.tensors.keys()]
}

async function logitsOf(folder: string): Promise<Float32Array> {
  await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
  return (await model.forward({ inputIds })).logits
}

/** The same model with other names and fields. */
async function variant(
  from: string,
  name: string,
  { change = {}, rename }: { change?: JsonObject; rename?: (tensor: string) => string | undefined },
): Promise<string> {
  const folder = join(root, name)
  await cp(from, folder, { recursive: true })
  const config = Object.entries({ ...(await configOf(from)), ...change })
  const kept = Object.fromEntries(config.filter(([, value]) => value !== undefined))
  await writeFile(join(folder, 'config.json'), JSON.stringify(kept))
  if (rename === undefined) return folder
  const tensors = []
  await using file = await openSafetensors(join(from, 'model.safetensors'))
  for (const [old, { dtype, shape }] of file.tensors) {
    const renamed = rename(old)
    if (renamed !== undefined) tensors.push({ name: renamed, dtype, shape, data: await file.read(old) })
  }
  await rm(join(folder, 'model.safetensors'))
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
  return folder
}

describe('the text model of a model that sees as well', () => {
  test('is said to be all that is read, and no tensor is out of place', async () => {
    const heard: string[] = []
    const listen = (event: unknown) => void heard.push((event as InfoEvent).message)
    subscribe(INFO_CHANNEL, listen)
    await using model = await AutoModelForCausalLM.fromPretrained(whole)
    unsubscribe(INFO_CHANNEL, listen)
    expect(heard).toContainEqual(
      expect.stringMatching(
        /only the text model of Gemma3ForConditionalGeneration is read, a Gemma3ForCausalLM$/,
      ),
    )
    expect(model.warnings).toEqual([])
    expect(model.loadingReport.unexpected).toEqual([])
  })

  test('is saved alone, with a config.json of its own, and computes the same', async () => {
    const out = join(root, 'alone')
    await using model = await AutoModelForCausalLM.fromPretrained(whole)
    await model.savePretrained(out)
    const config = await configOf(out)
    expect(config).toMatchObject({
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      tie_word_embeddings: true,
      torch_dtype: 'float32',
      sliding_window_pattern: 3,
    })
    for (const key of ['text_config', 'vision_config']) expect(config).not.toHaveProperty(key)
    expect(await namesIn(out)).toContain('model.layers.0.self_attn.q_proj.weight')
    expect((await namesIn(out)).filter((name) => !name.startsWith('model.'))).toEqual([])
    expect(await logitsOf(out)).toEqual(await logitsOf(whole))
  })

  test('is found behind the names that transformers 5 writes, a head of its own included', async () => {
    const newer = await variant(whole, 'newer', {
      rename: (name) =>
        name.startsWith('language_model.model.')
          ? name.replace('language_model.model.', 'model.language_model.')
          : `model.${name}`,
    })
    expect(await logitsOf(newer)).toEqual(await logitsOf(whole))
  })

  test('is quantized, saved and loaded by its own names', async () => {
    const out = join(root, 'quantized')
    await quantizeModel(whole, out, { quantizationConfig: await recipe('int8-weight-only') })
    expect(await configOf(out)).toMatchObject({ model_type: 'gemma3_text', quantization_config: {} })
    const { modules, warnings } = await inspectModel(out)
    expect(warnings).toEqual([])
    const projection = modules.find(({ name }) => name === 'model.layers.0.mlp.up_proj')
    expect(projection?.quantized).toBe(true)
  })

  test('modules that the quantization block of the whole names are those of the text model', async () => {
    const alone = join(root, 'skipping')
    const quantizationConfig = { quant_method: 'bitsandbytes', load_in_8bit: true }
    await quantizeModel(whole, alone, {
      quantizationConfig: { ...quantizationConfig, llm_int8_skip_modules: ['model.layers.1.mlp'] },
    })
    const { quantization_config: block, ...text } = await configOf(alone)
    const inside = await variant(alone, 'skipping-inside', {
      change: {
        ...Object.fromEntries(Object.keys(text).map((key) => [key, undefined])),
        architectures: ['Gemma3ForConditionalGeneration'],
        model_type: 'gemma3',
        tie_word_embeddings: true,
        text_config: text,
        quantization_config: {
          ...(block as JsonObject),
          llm_int8_skip_modules: ['language_model.model.layers.1.mlp'],
        },
      },
      rename: (name) => `language_model.${name}`,
    })
    const describe = async (folder: string) => {
      const { modules, warnings } = await inspectModel(folder)
      return { warnings, formats: modules.map(({ name, format }) => [name, format]) }
    }
    expect(await describe(inside)).toEqual(await describe(alone))
    expect(await logitsOf(inside)).toEqual(await logitsOf(alone))
  })

  test('of a family that is not known is refused by the name of the whole', async () => {
    const folder = await variant(whole, 'unknown', {
      change: { text_config: { model_type: 'words' }, architectures: ['SeesAndReads'], model_type: 'sees' },
    })
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'ARCHITECTURE_UNKNOWN',
      found: ['SeesAndReads'],
    })
  })
})

describe('an output matrix that files lack', () => {
  const untied = golden('architectures/arcee')
  const withoutHead = (name: string) => (name.startsWith('lm_head.') ? undefined : name)

  test('is the token table where config.json says nothing', async () => {
    const folder = await variant(untied, 'bare', {
      change: { tie_word_embeddings: undefined, architectures: ['ArceeModel'] },
      rename: (name) => withoutHead(name)?.replace(/^model\./, ''),
    })
    const tied = await variant(untied, 'tied', {
      change: { tie_word_embeddings: true },
      rename: withoutHead,
    })
    expect(await logitsOf(folder)).toEqual(await logitsOf(tied))
  })

  test('is missing where config.json says that it is not the token table', async () => {
    const folder = await variant(untied, 'incomplete', {
      change: { tie_word_embeddings: false },
      rename: withoutHead,
    })
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'lm_head.weight',
    })
  })

  test('that differs from the token table is not tied, whatever config.json says', async () => {
    const folder = await variant(untied, 'contradicted', { change: { tie_word_embeddings: true } })
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    expect(model.warnings).toEqual([expect.stringContaining('not tied')])
    expect(await logitsOf(folder)).toEqual(await logitsOf(untied))
  })

  test('serves as the token table where that is what files lack', async () => {
    const tied = golden('architectures/gemma')
    const folder = await variant(tied, 'head-only', {
      rename: (name) => (name === 'model.embed_tokens.weight' ? 'lm_head.weight' : name),
    })
    expect(await logitsOf(folder)).toEqual(await logitsOf(tied))
  })

  test('of GPT-NeoX may go by the usual name', async () => {
    const neox = golden('architectures/gpt_neox')
    const folder = await variant(neox, 'neox', { rename: (name) => name.replace('embed_out.', 'lm_head.') })
    expect(await logitsOf(folder)).toEqual(await logitsOf(neox))
  })
})
