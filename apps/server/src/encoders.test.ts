import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoModel, AutoModelForSequenceClassification, GLiNER } from 'hfquant'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createServer, type Server } from './server.js'

const golden = (path: string) => fileURLToPath(new URL(`../../../goldens/${path}`, import.meta.url))

/** Texts of at most six tokens behind a prompt of two words, which count for nothing in the mean. */
async function writeSentenceFiles(path: string): Promise<void> {
  const prompts = { prompts: { query: 'the dog ' }, default_prompt_name: 'query' }
  const files = {
    'config_sentence_transformers.json': prompts,
    'sentence_bert_config.json': { max_seq_length: 6 },
    'modules.json': [
      { type: 'a.Transformer', path: '' },
      { type: 'a.Pooling', path: '1_Pooling' },
    ],
    '1_Pooling/config.json': { pooling_mode: 'mean', include_prompt: false },
  }
  await mkdir(join(path, '1_Pooling'), { recursive: true })
  for (const [name, content] of Object.entries(files))
    await writeFile(join(path, name), JSON.stringify(content))
}

/** One server with models of three kinds. */
let folder: string
let server: Server
let client: OpenAI
let ollama: Ollama
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-encoders-'))
  for (const [name, source] of Object.entries({
    ...{ encoder: 'bert', sentences: 'bert', classifier: 'bert-sequence' },
  })) {
    await cp(golden(`architectures/${source}`), join(folder, name), { recursive: true })
    await cp(golden('tokenizer/words'), join(folder, name), { recursive: true })
  }
  await writeSentenceFiles(join(folder, 'sentences'))
  await cp(golden('gliner/bert'), join(folder, 'gliner'), { recursive: true })
  const models = ['encoder', 'sentences', 'classifier', 'gliner'].map((name) => [
    name,
    { path: join(folder, name) },
  ])
  server = await createServer(
    { models: Object.fromEntries(models), auth: false },
    { environment: {}, logStream: { write: () => {} } },
  )
  const { url } = await server.listen({ port: 0 })
  await server.loaded()
  ollama = new Ollama({ host: url })
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 })
}, 60_000)
afterAll(async () => {
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

const post = async (url: string, payload: object) => {
  const answer = await server.inject({ method: 'POST', url, payload })
  return { status: answer.statusCode, body: answer.json() }
}

describe('embeddings', () => {
  it('are those of the library, whatever else is asked at the time', async () => {
    await using model = await AutoModel.fromPretrained(join(folder, 'encoder'))
    const texts = ['the cat', 'a dog runs', 'the']
    const expected = await model.embed(texts)
    const whole = await client.embeddings.create({ model: 'encoder', input: texts })
    const single = await Promise.all(
      texts.map((input) => client.embeddings.create({ model: 'encoder', input, encoding_format: 'float' })),
    )
    for (const [index, vector] of expected.entries()) {
      for (const found of [whole.data[index]!.embedding, single[index]!.data[0]!.embedding]) {
        expect(found).toHaveLength(vector.length)
        for (const [place, value] of vector.entries()) expect(found[place]).toBeCloseTo(value, 5)
      }
    }
    expect(whole.usage.prompt_tokens).toBe(single.reduce((sum, { usage }) => sum + usage.prompt_tokens, 0))
  })

  it('are read as sentence-transformers reads texts: behind a prompt, and no longer than its files say', async () => {
    await using model = await AutoModel.fromPretrained(join(folder, 'sentences'))
    const texts = ['the cat', 'the cat runs to the dog']
    const expected = await model.embed(texts)
    const asked = { model: 'sentences', encoding_format: 'float' }
    const refused = await post('/v1/embeddings', { ...asked, input: texts })
    expect(refused.body.error).toMatchObject({ code: 'context_length_exceeded', param: 'input[1]' })
    const { body } = await post('/v1/embeddings', { ...asked, input: texts, truncate_prompt_tokens: -1 })
    for (const [index, vector] of expected.entries()) {
      for (const [place, value] of vector.entries())
        expect(body.data[index].embedding[place]).toBeCloseTo(value, 5)
    }
    const shown = await server.inject({ method: 'GET', url: '/v1/models/sentences' })
    expect(shown.json()).toMatchObject({ x_kind: 'encoder', x_context_length: 6 })
  })

  it('are refused for other models, other sizes and texts that are too long', async () => {
    const codeOf = async (body: object) =>
      (await post('/v1/embeddings', { model: 'encoder', ...body })).body.error.code
    expect(await codeOf({ model: 'gliner', input: 'x' })).toBe('unsupported_value')
    expect(await codeOf({ input: 'the', dimensions: 3 })).toBe('invalid_value')
    expect(await codeOf({ input: 'the '.repeat(5000) })).toBe('context_length_exceeded')
    expect(await codeOf({ input: [] })).toBe('invalid_value')
    const cut = await post('/v1/embeddings', {
      model: 'encoder',
      input: 'the '.repeat(5000),
      truncate_prompt_tokens: -1,
    })
    expect(cut.status).toBe(200)
    const chat = await post('/v1/completions', { model: 'encoder', prompt: 'x' })
    expect(chat.body.error).toMatchObject({ code: 'unsupported_value', param: 'model' })
  })
})

describe('embeddings of Ollama', () => {
  it('have the length 1, and are of texts that are cut unless that is refused', async () => {
    await using model = await AutoModel.fromPretrained(join(folder, 'encoder'))
    const texts = ['the cat', 'a dog runs '.repeat(100)]
    const expected = await model.embed(texts, { normalize: true })
    const { embeddings, ...rest } = await ollama.embed({ model: 'encoder', input: texts })
    for (const [index, vector] of expected.entries()) {
      expect(Math.hypot(...embeddings[index]!)).toBeCloseTo(1, 5)
      for (const [place, value] of vector.entries()) expect(embeddings[index]![place]).toBeCloseTo(value, 5)
    }
    expect(rest).toMatchObject({ model: 'encoder', prompt_eval_count: expect.any(Number) })
    expect(rest.total_duration).toBeGreaterThan(0)
    const [input] = texts
    expect((await ollama.embed({ model: 'encoder', input: input! })).embeddings).toHaveLength(1)
    expect((await ollama.embed({ model: 'encoder', input: [] })).embeddings).toEqual([])
    await expect(ollama.embed({ model: 'encoder', input: texts, truncate: false })).rejects.toMatchObject({
      ...{ status_code: 400, error: expect.stringContaining('input[1]') },
    })
    await expect(ollama.embed({ model: 'gliner', input: 'x' })).rejects.toMatchObject({ status_code: 400 })
    const { models } = await ollama.ps()
    const shown = await ollama.show({ model: 'encoder' })
    expect([models.length, shown.capabilities]).toEqual([4, ['embedding']])
  })
})

describe('classes', () => {
  it('are those of the library', async () => {
    await using model = await AutoModelForSequenceClassification.fromPretrained(join(folder, 'classifier'))
    const [expected] = await model.classify(['the cat'])
    const { body } = await post('/classify', { model: 'classifier', input: 'the cat' })
    expect(body.data[0]).toMatchObject({
      index: 0,
      label: expected!.scores[0]!.label,
      num_classes: model.labels.length,
    })
    for (const [index, label] of model.labels.entries()) {
      const { score } = expected!.scores.find((one) => one.label === label)!
      expect(body.data[0].probs[index]).toBeCloseTo(score, 5)
    }
    expect(body).toMatchObject({ object: 'list', usage: { prompt_tokens: 4 } })
  })
})

describe('entities', () => {
  const text = 'Ada Lovelace wrote 😀 to Charles Babbage.'
  const labels = ['person', 'place']

  it('are those of the library, in both forms of the route', async () => {
    await using model = await GLiNER.fromPretrained(join(folder, 'gliner'))
    const options = { threshold: 0.3, multiLabel: true }
    const expected = await model.predictEntities(text, labels, options)
    const asked = { model: 'gliner', labels, threshold: 0.3, multi_label: true }
    const { body } = await post('/v1/entities', { ...asked, input: [text, ''] })
    expect(body.data[0].entities).toEqual(
      expected.map((entity) =>
        expect.objectContaining({ label: entity.label, start: entity.start, text: entity.text }),
      ),
    )
    expect(body.data[1]).toEqual({ index: 1, entities: [] })
    const inCodePoints = await model.predictEntities(text, labels, { ...options, offsets: 'codePoints' })
    const { body: single } = await post('/gliner', { ...asked, text })
    expect(single.entities.map(({ start }: { start: number }) => start)).toEqual(
      inCodePoints.map(({ start }) => start),
    )
  })

  it('are refused in the form of the route', async () => {
    expect(await post('/gliner', { labels })).toEqual({
      status: 400,
      body: { error: expect.stringContaining('text') },
    })
    expect((await post('/gliner', { text, labels, relations: ['r'] })).status).toBe(400)
    const { body } = await post('/v1/entities', { model: 'gliner', input: [text], labels: [labels, labels] })
    expect(body.error).toMatchObject({ code: 'invalid_value', param: 'labels' })
    const reserved = await post('/v1/entities', { model: 'gliner', input: text, labels: ['<<ENT>>'] })
    expect([reserved.status, reserved.body.error]).toMatchObject([
      ...[400, { code: 'invalid_value', param: 'labels' }],
    ])
    const book = { model: 'gliner', input: 'a '.repeat(400_000), labels }
    expect((await post('/v1/entities', book)).body.error.code).toBe('context_length_exceeded')
    const many = Array.from({ length: 101 }, (_, index) => `label ${index}`)
    expect(
      (await post('/v1/entities', { model: 'gliner', input: text, labels: many })).body.error.param,
    ).toBe('labels')
  })
})
