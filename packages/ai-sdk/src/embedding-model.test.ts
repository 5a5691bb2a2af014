import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cosineSimilarity, embed, embedMany, InvalidArgumentError, NoSuchModelError } from 'ai'
import { AutoModel } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHfquant } from './index.js'

const goldens = (name: string) => fileURLToPath(new URL(`../../../goldens/${name}`, import.meta.url))

globalThis.AI_SDK_LOG_WARNINGS = false

const provider = createHfquant({ threads: 1 })
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-ai-sdk-'))
  await cp(goldens('architectures/bert'), folder, { recursive: true })
  await cp(goldens('tokenizer/words'), folder, { recursive: true })
})
afterAll(async () => {
  await provider.dispose()
  await rm(folder, { recursive: true, force: true })
})

it('makes the vectors of the library, in their order', async () => {
  const values = ['the cat', 'a dog sleeps and sleeps', 'the cat']
  await using model = await AutoModel.fromPretrained(folder, { threads: 1 })
  const expected = await model.embed(values)
  const tokenizer = (await model.tokenizer())!
  const { embeddings, usage } = await embedMany({ model: provider.embedding(folder), values })
  expect(embeddings).toEqual(expected.map((vector) => [...vector]))
  expect(usage).toEqual({ tokens: values.reduce((sum, text) => sum + tokenizer.encode(text).length, 0) })
  expect(cosineSimilarity(embeddings[0]!, embeddings[2]!)).toBeCloseTo(1)
})

it('takes the options of the library, and warns of what was cut', async () => {
  const model = provider.embeddingModel(folder)
  const ask = (value: string, hfquant = {}) => embed({ model, value, providerOptions: { hfquant } })
  const { embedding } = await ask('the cat', { normalize: true })
  expect(Math.hypot(...embedding)).toBeCloseTo(1)
  const asked = await ask('the cat', { prompt: 'the dog ' })
  expect(asked.usage.tokens).toBe((await ask('the dog the cat')).usage.tokens)
  expect(asked.embedding).not.toEqual((await ask('the cat')).embedding)
  const { warnings } = await ask('the cat '.repeat(400))
  expect(warnings).toEqual([{ type: 'other', message: expect.stringMatching(/^values\[0\] has \d+ tokens/) }])
})

it('refuses what is wrong with errors of the AI SDK', async () => {
  const failure = (call: Partial<Parameters<typeof embed>[0]>) =>
    embed({ model: provider.embedding(folder), value: 'the cat', maxRetries: 0, ...call }).catch((e) => e)
  const unknown = await failure({ providerOptions: { hfquant: { pooling: 'mean' } } })
  expect(InvalidArgumentError.isInstance(unknown)).toBe(true)
  expect(unknown.message).toContain('prompt, promptName, normalize')
  const prompt = await failure({ providerOptions: { hfquant: { promptName: 'query' } } })
  expect(prompt).toMatchObject({ argument: 'promptName', cause: { code: 'PROMPT_UNKNOWN' } })
  const dimensions = provider.embedding(folder).doEmbed({ values: ['the cat'], dimensions: 3 })
  await expect(dimensions).rejects.toMatchObject({ argument: 'dimensions' })
  const decoder = await failure({ model: provider.embedding(demoModel) })
  expect(NoSuchModelError.isInstance(decoder)).toBe(true)
  expect(decoder).toMatchObject({ modelType: 'embeddingModel', message: expect.stringContaining('decoder') })
  await expect(failure({ abortSignal: AbortSignal.abort() })).resolves.toMatchObject({ name: 'AbortError' })
  expect(() => provider.imageModel('x')).toThrow('No such imageModel')
})
