import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test, vi } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModelForCausalLM,
  type PipelineOptions,
  type ProgressInfo,
  pipeline,
  TextStreamer,
} from './index.js'
import { encoderFolder } from './testing/encoder-folder.fixture.js'
import { golden } from './testing/golden.fixture.js'

const root = testFolder()

describe('text-generation', () => {
  const greedy = { max_new_tokens: 12, do_sample: false }
  const PROMPT = 'One morning a girl'

  async function continued(prompt: string, count = 12): Promise<string> {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
    let text = ''
    const options = { maxNewTokens: count, doSample: false }
    for await (const piece of model.generate(prompt, options)) text += piece.text
    return text
  }

  test('continues texts, each with its answers in a list, with or without the text itself', async () => {
    await using generator = await pipeline('text-generation', demoModel)
    const text = await continued(PROMPT)
    expect(await generator(PROMPT, greedy)).toEqual([{ generated_text: PROMPT + text }])
    const both = await generator([PROMPT, 'The little dog'], { ...greedy, return_full_text: false })
    expect(both).toEqual([
      [{ generated_text: text }],
      [{ generated_text: await continued('The little dog') }],
    ])
    const sampled = { max_new_tokens: 8, do_sample: true, temperature: 2, seed: 3, num_return_sequences: 2 }
    const several = await generator(PROMPT, sampled)
    expect(several).toHaveLength(2)
    expect(several[0]).not.toEqual(several[1])
    expect(await generator(PROMPT, sampled)).toEqual(several)
  })

  test('answers conversations, whose last message is the answer', async () => {
    await using generator = await pipeline('text-generation', demoModel)
    const chat = [{ role: 'user', content: PROMPT }]
    const options = { ...greedy, chat_template: '{{ bos_token }}{{ messages[0].content }}' }
    const content = await continued(PROMPT)
    const answered = [{ generated_text: [...chat, { role: 'assistant', content }] }]
    expect(await generator(chat, options)).toEqual(answered)
    expect(await generator([chat, chat], options)).toEqual([answered, answered])
    const template = '{{ bos_token }}{{ messages[0].content }}{% if who %} {{ who }}{% endif %}'
    const variables = { ...greedy, chat_template: template, tokenizer_encode_kwargs: { who: 'named Mina' } }
    expect(await generator(chat, variables)).toEqual([
      { generated_text: [...chat, { role: 'assistant', content: await continued(`${PROMPT} named Mina`) }] },
    ])
  })

  test('tells a streamer what comes, token by token', async () => {
    await using generator = await pipeline('text-generation', demoModel)
    const pieces: string[] = []
    const tokens: bigint[] = []
    const streamer = new TextStreamer(generator.tokenizer, {
      skip_prompt: true,
      callback_function: (text) => pieces.push(text),
      token_callback_function: (own) => tokens.push(...own),
    })
    const [{ generated_text: text } = { generated_text: '' }] = await generator(PROMPT, {
      ...greedy,
      streamer,
    })
    expect(pieces.length).toBeGreaterThan(5)
    expect(PROMPT + pieces.join('')).toBe(text)
    expect(tokens).toHaveLength(12)
    // A streamer may be used again, and then tells of another prompt.
    const whole: string[] = []
    const withPrompt = new TextStreamer(generator.tokenizer, {
      callback_function: (piece) => whole.push(piece),
    })
    for (let call = 0; call < 2; call++) await generator(PROMPT, { ...greedy, streamer: withPrompt })
    expect(whole.join('')).toBe(text + text)
    await expect(generator([PROMPT, PROMPT], { streamer })).rejects.toMatchObject({ field: 'streamer' })
  })

  test.each([
    [{ max_tokens: 3 }, 'OPTION_UNKNOWN', 'max_tokens', 'max_new_tokens'],
    [{ maxNewTokens: 3 }, 'OPTION_UNKNOWN', 'maxNewTokens', 'max_new_tokens'],
    [{ num_beams: 4 }, 'OPTION_VALUE', 'num_beams', '1'],
    [{ num_return_sequences: 2, do_sample: false }, 'OPTION_VALUE', 'num_return_sequences', 'do_sample'],
    [{ num_return_sequences: 2 }, 'OPTION_VALUE', 'num_return_sequences', 'do_sample'],
    [{ temperature: -1 }, 'GENERATION_OPTION_INVALID', 'temperature', ''],
    [{ signal: 1 }, 'OPTION_VALUE', 'signal', 'an AbortSignal'],
    [{ streamer: {} }, 'OPTION_VALUE', 'streamer', 'put and end'],
  ])('%j is refused by name', async (options, code, field, hint) => {
    await using generator = await pipeline('text-generation', demoModel)
    const refused = generator(PROMPT, options as never)
    await expect(refused).rejects.toMatchObject({ code, field, hint: expect.stringContaining(hint) })
  })

  test.each([[''.length], [[]], [[{ content: 'x' }]], [['a', 1]]])('%j is no prompt', async (prompt) => {
    await using generator = await pipeline('text-generation', demoModel)
    await expect(generator(prompt as never)).rejects.toMatchObject({ code: 'PROMPT_TYPE', field: 'texts' })
  })
})

describe('loading', () => {
  const bert = encoderFolder(root, 'bert')

  test.each([
    ['translation', 'CapabilityError', 'TASK_UNAVAILABLE'],
    ['image-classification', 'CapabilityError', 'TASK_UNAVAILABLE'],
    ['text-clasification', 'ConfigError', 'TASK_UNKNOWN'],
    [undefined, 'ConfigError', 'TASK_UNKNOWN'],
  ])('the task %s is refused', async (task, name, code) => {
    const refused = pipeline(task as never, join(root, 'nowhere'))
    await expect(refused).rejects.toMatchObject({ name, code, field: 'task', hint: expect.any(String) })
  })

  test('a model has to be named, and has to fit the task', async () => {
    await expect(pipeline('ner', undefined as never)).rejects.toMatchObject({ code: 'MODEL_MISSING' })
    await expect(pipeline('text-generation', bert)).rejects.toMatchObject({ code: 'MODEL_CLASS' })
    await expect(pipeline('fill-mask', golden('gliner/bert'))).rejects.toMatchObject({
      hint: 'Load it with GLiNER.',
    })
    await expect(pipeline('feature-extraction', golden('architectures/bert'))).rejects.toMatchObject({
      code: 'TOKENIZER_MISSING',
    })
  })

  test.each<[PipelineOptions, string | undefined, string]>([
    [{ dtype: 'fp16' }, undefined, 'float16'],
    [{ dtype: 'q8' }, 'torchao', 'float32'],
    [{ quantize: 'int8', dtype: 'bf16' }, 'torchao', 'bfloat16'],
    [{ dtype: 'bnb4' }, 'bitsandbytes', 'float32'],
  ])('%j says how weights are kept', async (options, method) => {
    await using extractor = await pipeline('feature-extraction', bert, options)
    expect(extractor.model.quantization?.method).toBe(method)
    expect((await extractor('a house', { pooling: 'mean' })).dims).toEqual([1, 24])
  })

  test.each([
    [{ dtype: { encoder: 'fp32' } }, 'DTYPE_PER_FILE'],
    [{ dtype: 'q1' }, 'DTYPE_UNKNOWN'],
    [{ dtype: 'q8', quantize: 'int8' }, 'OPTIONS_EXCLUSIVE'],
    [{ device: 'tpu' }, 'OPTION_VALUE'],
    [{ progress: true }, 'OPTION_UNKNOWN'],
  ])('%j is refused by name', async (options, code) => {
    const refused = pipeline('feature-extraction', join(root, 'nowhere'), options as never)
    await expect(refused).rejects.toMatchObject({ code })
  })

  test('what is about files of ONNX is passed over with a warning, and a callback hears that the model is ready', async () => {
    const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const heard: ProgressInfo[] = []
    await using extractor = await pipeline('feature-extraction', bert, {
      ...{ device: 'webgpu', session_options: {}, subfolder: 'onnx', cache_dir: null },
      progress_callback: (info) => heard.push(info),
    })
    const warnings = emitted.mock.calls.map(([warning]) => String(warning))
    emitted.mockRestore()
    expect(warnings.join('\n')).toMatch(/device "webgpu" is not used/)
    expect(warnings.join('\n')).toMatch(/subfolder, session_options: about files/)
    expect(heard.at(-1)).toEqual({ status: 'ready', task: 'feature-extraction', model: bert })
    expect(extractor.task).toBe('feature-extraction')
  })
})
