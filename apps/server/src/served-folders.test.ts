import { mkdtempSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  AutoModelForCausalLM,
  exportModel,
  GLiNER,
  type LoadModelOptions,
  quantizeModel,
  recipe,
} from 'hfquant'
import { demoGliner, demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createServer, type Server } from './server.js'

const golden = (path: string) => fileURLToPath(new URL(`../../../goldens/${path}`, import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'hfquant-served-'))
const RECIPE = 'int8-weight-only'

/** Folders of all kinds behind one server, which loads each with its first request and keeps two. */
const folders: Record<string, string> = {
  ...{ float: demoModel, quantized: demoModel, saved: join(root, 'saved') },
  ...{ bitsandbytes: join(root, 'bitsandbytes'), gptq: join(root, 'gptq'), float8: join(root, 'float8') },
  ...{ mxfp4: join(root, 'mxfp4'), bin: join(root, 'bin'), gliner: demoGliner },
  ...{ awq: join(root, 'awq'), quanto: join(root, 'quanto') },
  ...{ 'compressed-tensors': join(root, 'compressed-tensors'), twin: join(root, 'twin.gguf') },
}
let server: Server
beforeAll(async () => {
  await quantizeModel(demoModel, folders.saved!, { quantizationConfig: await recipe(RECIPE) })
  await exportModel(demoModel, folders.twin!, { format: 'gguf', type: 'F16' })
  for (const [name, source] of Object.entries({
    ...{ bitsandbytes: 'bitsandbytes/tiny-llama-bnb-nf4-dq', gptq: 'folders/gptq' },
    ...{
      float8: 'fp8/tiny-llama-fp8-b32',
      mxfp4: 'mxfp4/tiny-gpt-oss-mxfp4',
      bin: 'folders/torchao-int4-bin',
      awq: 'awq/tiny-llama-awq-g32',
      quanto: 'quanto/tiny-llama-quanto-int4',
      'compressed-tensors': 'compressed_tensors/tiny-llama-ct-w4a16',
    },
  })) {
    await cp(golden(source), folders[name]!, { recursive: true })
    await cp(golden('tokenizer/words'), folders[name]!, { recursive: true })
  }
  const models = Object.entries(folders).map(([name, path]) => [
    name,
    { path, quantize: name === 'quantized' ? RECIPE : undefined },
  ])
  server = await createServer(
    { models: Object.fromEntries(models), auth: false, load: 'lazy', maxLoaded: 2 },
    { environment: {}, logStream: { write: () => {} } },
  )
})
afterAll(async () => {
  await server?.close()
  await rm(root, { recursive: true, force: true })
})

/** Of models without words of their own. */
const TOKENS = [1, 5, 9, 7, 11]
const WORDS = 'Once upon a time'

async function answerOf(model: string, prompt: string | readonly number[] = TOKENS) {
  const payload = { model, prompt, max_tokens: 24, temperature: 0, logprobs: 0, ignore_eos: true }
  const { choices } = (await server.inject({ method: 'POST', url: '/v1/completions', payload })).json()
  const [{ text, logprobs }] = choices
  return { text, logprobs: logprobs.token_logprobs as readonly number[] }
}

/** The same of the library. */
async function expectedOf(
  folder: string,
  options: LoadModelOptions = {},
  prompt: string | readonly number[] = TOKENS,
) {
  await using model = await AutoModelForCausalLM.fromPretrained(folder, options)
  const settings = { maxNewTokens: 24, doSample: false, logprobs: 0, ignoreEos: true }
  const logprobs: number[] = []
  let text = ''
  for await (const piece of model.generate(
    typeof prompt === 'string' ? prompt : { inputIds: prompt },
    settings,
  )) {
    text += piece.text
    logprobs.push(piece.logprob!)
  }
  return { text, logprobs }
}

describe('a folder behind a server', () => {
  it('answers as the library does: float, quantized while it is loaded, and quantized before', async () => {
    const [float, quantized, saved] = [
      await answerOf('float', WORDS),
      await answerOf('quantized', WORDS),
      await answerOf('saved', WORDS),
    ]
    const quantizationConfig = await recipe(RECIPE)
    expect(float).toEqual(await expectedOf(demoModel, {}, WORDS))
    expect(quantized).toEqual(await expectedOf(demoModel, { quantizationConfig }, WORDS))
    expect(saved).toEqual(await expectedOf(folders.saved!, {}, WORDS))
    expect(saved).toEqual(quantized)
    expect(float.logprobs).not.toEqual(quantized.logprobs)
    expect(float.text).toBe(quantized.text)
  })

  it.each([
    ['bitsandbytes', 'bitsandbytes'],
    ['gptq', 'gptq'],
    ['float8', 'fp8'],
    ['mxfp4', 'mxfp4'],
    ['bin', 'torchao'],
    ['awq', 'awq'],
    ['quanto', 'quanto'],
    ['compressed-tensors', 'compressed-tensors'],
  ])('that is quantized needs no option: %s', async (name, method) => {
    expect(await answerOf(name)).toEqual(await expectedOf(folders[name]!))
    const { x_quantization, x_state } = (
      await server.inject({ method: 'GET', url: `/v1/models/${name}` })
    ).json()
    expect([x_state, x_quantization]).toMatchObject(['loaded', { method, recipe: null }])
  })

  it('has a twin in the format of llama.cpp, which says the same', async () => {
    const [float, twin] = [await answerOf('float', WORDS), await answerOf('twin', WORDS)]
    expect(twin.text).toBe(float.text)
    for (const [index, logprob] of twin.logprobs.entries())
      expect(logprob).toBeCloseTo(float.logprobs[index]!, 3)
  })

  it('of GLiNER finds what the library finds', async () => {
    const [input, labels] = ['Ada Lovelace wrote to Charles Babbage in London.', ['person', 'city']]
    await using model = await GLiNER.fromPretrained(demoGliner)
    const payload = { model: 'gliner', input, labels }
    const { data } = (await server.inject({ method: 'POST', url: '/v1/entities', payload })).json()
    expect(data[0].entities).toEqual(await model.predictEntities(input, labels))
  })
})
