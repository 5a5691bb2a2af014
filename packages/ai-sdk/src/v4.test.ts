import { generateText as generateWithAi6 } from 'ai'
import { createProviderRegistry, generateText, streamText } from 'ai-v7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHfquant } from './index.js'
import { type ScriptedModel, scriptedModel } from './testing/scripted-model.fixture.js'
import { createHfquant as createHfquantV4 } from './v4.js'

globalThis.AI_SDK_LOG_WARNINGS = false

const [v3, v4] = [createHfquant({ threads: 1 }), createHfquantV4({ threads: 1 })]
let folder: ScriptedModel
beforeAll(async () => {
  folder = await scriptedModel({
    think: '<think>Two and two.</think>Four.',
    'think quickly': 'Four!',
    stop: 'It is good.',
  })
})
afterAll(async () => {
  await Promise.all([v3.dispose(), v4.dispose()])
  await folder[Symbol.asyncDispose]()
})

describe('version 4 of the interface', () => {
  it('answers, and thinks less where the call says so', async () => {
    const ask = { model: v4(folder.folder), prompt: 'think' }
    expect(ask.model.specificationVersion).toBe('v4')
    expect(await generateText(ask)).toMatchObject({
      text: 'Four.',
      reasoningText: 'Two and two.',
      warnings: [],
    })
    const quick = streamText({ ...ask, reasoning: 'none' })
    expect([await quick.text, await quick.warnings]).toEqual(['Four!', []])
  })

  it('warns where the template cannot be told', async () => {
    const model = v4(folder.folder, { chatTemplate: '[{{ messages[-1].content }}]' })
    const { text, warnings } = await generateText({ model, prompt: 'stop', reasoning: 'low' })
    expect([text, warnings]).toMatchObject(['It is good.', [{ type: 'unsupported', feature: 'reasoning' }]])
  })

  it('has inline files, which are refused as all others', async () => {
    const data = { type: 'text', text: 'Hello' } as const
    const content = [{ type: 'file', mediaType: 'text/plain', data }] as const
    const ask = generateText({
      model: v4(folder.folder),
      messages: [{ role: 'user', content: [...content] }],
    })
    await expect(ask).rejects.toMatchObject({ functionality: 'parts of type file' })
  })
})

it('version 3 works with either, and in a registry', async () => {
  const model = v3(folder.folder)
  const prompt = 'think'
  expect((await generateText({ model, prompt })).text).toBe((await generateWithAi6({ model, prompt })).text)
  const registry = createProviderRegistry({ local: v4 })
  expect((await generateText({ model: registry.languageModel(`local:${folder.folder}`), prompt })).text).toBe(
    'Four.',
  )
})
