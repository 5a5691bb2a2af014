import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateText,
  InvalidArgumentError,
  InvalidPromptError,
  type LanguageModel,
  type ModelMessage,
  NoSuchModelError,
  tool,
  UnsupportedFunctionalityError,
} from 'ai'
import { HfquantError } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHfquant } from './index.js'
import { scriptedModel } from './testing/scripted-model.fixture.js'

const provider = createHfquant({ threads: 1 })
/** The bundled model, that is no chat model. */
const demo = provider(demoModel, { chatTemplate: '{{ messages[-1].content }}', toolFormat: 'hermes' })
afterAll(() => provider.dispose())

describe('what is wrong with a call', () => {
  const error = (call: object, model: LanguageModel = demo): Promise<Error> =>
    generateText({ model, prompt: 'Hello', maxRetries: 0, ...call } as Parameters<
      typeof generateText
    >[0]).then(
      () => new Error('nothing was wrong'),
      (failure) => failure,
    )
  const image: ModelMessage[] = [
    { role: 'user', content: [{ type: 'image', image: new URL('https://example.invalid/cat.png') }] },
  ]

  it.each([
    ['a setting', { temperature: -1 }, InvalidArgumentError, /temperature/],
    ['an option', { providerOptions: { hfquant: { minp: 1 } } }, InvalidArgumentError, /minp.*minP/],
    [
      'the kind of an option',
      { providerOptions: { hfquant: { variables: 1 } } },
      InvalidArgumentError,
      /an object/,
    ],
    ['too long a prompt', { prompt: 'word '.repeat(600) }, InvalidPromptError, /tokens/],
    ['an empty stop sequence', { stopSequences: [''] }, InvalidArgumentError, /non-empty/],
    ['a file', { messages: image, prompt: undefined }, UnsupportedFunctionalityError, /prompt\[0\].*"file"/],
  ])('is told by an error of the AI SDK: %s', async (_, call, kind, message) => {
    const fetched = vi.spyOn(globalThis, 'fetch')
    const failure = await error(call)
    expect(failure.message).toMatch(message)
    expect(kind.isInstance(failure)).toBe(true)
    expect(fetched).not.toHaveBeenCalled()
    fetched.mockRestore()
  })

  it.each([
    ['no folder', './no-such-model', {}, NoSuchModelError, /no-such-model/],
    ['no chat template', demoModel, {}, UnsupportedFunctionalityError, /chat template/],
    [
      'a template that refuses',
      demoModel,
      { chatTemplate: '{{ raise_exception("no") }}' },
      InvalidPromptError,
      /no/,
    ],
    ['an unknown recipe', demoModel, { quantize: 'rtn-int' }, InvalidArgumentError, /rtn-int4/],
    ['an unknown setting', demoModel, { dtipe: 'float16' }, InvalidArgumentError, /dtipe/],
  ])('or with its model: %s', async (_, id, settings, kind, message) => {
    const failure = await error({}, provider(id, settings as object))
    expect(failure.message).toMatch(message)
    expect(kind.isInstance(failure)).toBe(true)
    expect(HfquantError.isInstance(failure.cause)).toBe(true)
  })

  it('or with how it is said to write', () => {
    expect(() => provider(demoModel, { toolFormat: 'qwen' as 'hermes' })).toThrow(
      /"qwen", expected one of hermes/,
    )
    expect(() => provider(demoModel, { reasoning: 'none' as 'off' })).toThrow(/"none", expected .*off/)
  })

  it('is told as the library does where no caller has said it', async () => {
    await using broken = await scriptedModel({})
    const config = join(broken.folder, 'config.json')
    await writeFile(
      config,
      (await readFile(config, 'utf8')).replace('"hidden_size": 256', '"hidden_size": -1'),
    )
    const failure = await error({}, provider(broken.folder))
    expect(failure).toMatchObject({ message: expect.stringContaining('hidden_size') })
    expect(HfquantError.isInstance(failure)).toBe(true)
  })

  it('or with its tools', async () => {
    const tools = { add: tool({ inputSchema: z.object({ a: z.number().multipleOf(3) }) }) }
    const plain = provider(demoModel, { chatTemplate: '{{ messages[0].content }}' })
    expect(await error({ tools }, plain)).toMatchObject({ functionality: 'tools' })
    expect(await error({ tools, toolChoice: 'required' })).toMatchObject({
      ...{ functionality: 'the schema', message: expect.stringContaining('multipleOf') },
    })
    expect(await error({ tools: { 'a b': tools.add } })).toMatchObject({ argument: 'tools[0].function.name' })
  })
})
