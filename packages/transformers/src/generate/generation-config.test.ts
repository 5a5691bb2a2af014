import { ConfigError } from '@hfquant/core'
import { describe, expect, it } from 'vitest'
import {
  GenerationConfigError,
  type GenerationOptions,
  resolveGenerationConfig,
  tokenBudget,
} from './index.js'

function failure(action: () => unknown): GenerationConfigError {
  try {
    action()
  } catch (error) {
    if (GenerationConfigError.isInstance(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('resolveGenerationConfig', () => {
  it('has the defaults of transformers', () => {
    expect(resolveGenerationConfig()).toEqual({
      maxNewTokens: undefined,
      maxLength: undefined,
      doSample: false,
      temperature: 1,
      topK: 50,
      topP: 1,
      minP: undefined,
      repetitionPenalty: 1,
      seed: undefined,
      stop: [],
      eosTokenIds: [],
      padTokenId: undefined,
      bosTokenId: undefined,
      promptLookupNumTokens: 0,
    })
  })

  it('reads generation_config.json and leaves its unknown keys alone', () => {
    const file = {
      bos_token_id: 1,
      eos_token_id: [2, 32000],
      pad_token_id: -1,
      do_sample: true,
      temperature: 0.6,
      top_k: null,
      top_p: 0.9,
      max_length: 4096,
      stop_strings: '###',
      transformers_version: '4.31.0',
    }
    expect(resolveGenerationConfig(file)).toMatchObject({
      bosTokenId: 1,
      eosTokenIds: [2, 32000],
      padTokenId: undefined,
      doSample: true,
      temperature: 0.6,
      topK: 50,
      topP: 0.9,
      maxLength: 4096,
      stop: ['###'],
    })
  })

  it('reads the settings about single tokens, and leaves out those without effect', () => {
    const file = {
      min_new_tokens: 3,
      min_length: 0,
      no_repeat_ngram_size: 2,
      suppress_tokens: [1, 2],
      begin_suppress_tokens: [],
      bad_words_ids: [[1], [2, 3]],
      sequence_bias: [[[4, 5], -1.5]],
      forced_bos_token_id: 0,
      forced_eos_token_id: -1,
    }
    expect(resolveGenerationConfig(file, { forcedEosTokenId: 7 }).constraints).toEqual({
      minNewTokens: 3,
      noRepeatNgramSize: 2,
      suppressTokens: [1, 2],
      badWordsIds: [[1], [2, 3]],
      sequenceBias: [[[4, 5], -1.5]],
      forcedBosTokenId: 0,
      forcedEosTokenId: [7],
    })
    expect(resolveGenerationConfig(file, { minNewTokens: 0 }).constraints).not.toHaveProperty('minNewTokens')
    expect(resolveGenerationConfig({ min_length: 0, suppress_tokens: null }).constraints).toBeUndefined()
  })

  it.each([
    ['a top_k for no limit', { top_k: -1 }],
    ['a top_p beyond 1', { top_p: 2, do_sample: false }],
    ['a negative temperature', { temperature: -1, do_sample: true, min_p: 7 }],
  ])('does not look at numbers that only sampling reads: %s', (_, file) => {
    expect(resolveGenerationConfig(file, { doSample: false })).toMatchObject({
      topK: 50,
      topP: 1,
      temperature: 1,
    })
    expect(failure(() => resolveGenerationConfig(file, { doSample: true })).code).toBe(
      'GENERATION_CONFIG_INVALID',
    )
  })

  it.each([
    [[1, -1], [1]],
    [[-1], []],
    [-1, []],
  ])('takes -1 among end tokens for none: %j', (eos_token_id, expected) => {
    expect(resolveGenerationConfig({ eos_token_id }).eosTokenIds).toEqual(expected)
  })

  it.each([
    ['presencePenalty', -0.5, [Number.NaN, '1']],
    ['frequencyPenalty', 2, [Number.POSITIVE_INFINITY]],
    ['logprobs', 0, [-1, 21, 1.5, true]],
  ] as const)('takes %s as it is, and refuses what it cannot be', (name, value, wrong) => {
    expect(resolveGenerationConfig({}, { [name]: value })[name]).toBe(value)
    for (const found of wrong) {
      expect(failure(() => resolveGenerationConfig({}, { [name]: found }))).toMatchObject({
        ...{ code: 'GENERATION_OPTION_INVALID', field: name, found },
      })
    }
  })

  it('takes biases by the ids of their tokens', () => {
    const { logitBias } = resolveGenerationConfig({}, { logitBias: { 17: -100, 4: 2.5 } })
    expect(logitBias).toEqual({ ids: [4, 17], values: [2.5, -100] })
    expect(resolveGenerationConfig({}, { logitBias: {} }).logitBias).toBeUndefined()
    for (const wrong of [{ cat: 1 }, { '-1': 1 }, { 1: Number.NaN }, { 1: '2' }, { '1e3': 1 }, [1], 3]) {
      expect(failure(() => resolveGenerationConfig({}, { logitBias: wrong as never }))).toMatchObject({
        code: 'GENERATION_OPTION_INVALID',
        field: 'logitBias',
        expected: expect.stringContaining('token ids'),
      })
    }
  })

  it('lets options win over the file, and not mentioned or undefined ones not', () => {
    const file = { temperature: 0.6, top_p: 0.9, eos_token_id: 2 }
    const config = resolveGenerationConfig(file, {
      temperature: 0.2,
      topP: undefined,
      eosTokenId: 7,
      stop: ['a', 'b'],
    })
    expect(config).toMatchObject({ temperature: 0.2, topP: 0.9, eosTokenIds: [7], stop: ['a', 'b'] })
    expect(resolveGenerationConfig(file, { ignoreEos: true }).eosTokenIds).toEqual([])
  })

  it('drops the length limits of the file when the caller gives one', () => {
    const file = { max_new_tokens: 200, max_length: 512 }
    expect(resolveGenerationConfig(file, { maxLength: 30 })).toMatchObject({
      maxNewTokens: undefined,
      maxLength: 30,
    })
    expect(resolveGenerationConfig(file, { maxNewTokens: 3 })).toMatchObject({
      maxNewTokens: 3,
      maxLength: undefined,
    })
  })

  it.each<[string, object, GenerationOptions, boolean]>([
    ['nothing', {}, {}, false],
    ['temperature 0', { do_sample: true }, { temperature: 0 }, false],
    ['temperature 0 with other settings', {}, { temperature: 0, topK: 5, seed: 1 }, false],
    ['a temperature', {}, { temperature: 0.7 }, true],
    ['topK', {}, { topK: 5 }, true],
    ['topP', { do_sample: false }, { topP: 0.9 }, true],
    ['minP', {}, { minP: 0.1 }, true],
    ['a seed', {}, { seed: 0 }, true],
    ['a repetition penalty', {}, { repetitionPenalty: 1.1 }, false],
    ['doSample against the rest', { do_sample: true }, { doSample: false, temperature: 0.7 }, false],
    ['doSample alone', {}, { doSample: true }, true],
    ['do_sample in the file', { do_sample: true }, {}, true],
    ['a temperature in the file', { temperature: 0.7 }, {}, false],
    ['temperature 0 in the file', { do_sample: true, temperature: 0 }, {}, false],
  ])('decides whether to sample: %s', (_, file, options, doSample) => {
    expect(resolveGenerationConfig({ ...file }, options).doSample).toBe(doSample)
  })
})

describe('errors of generation settings', () => {
  it.each<[GenerationOptions]>([
    [{ maxNewTokens: 0 }],
    [{ maxLength: 1.5 }],
    [{ temperature: -1 }],
    [{ topK: -1 }],
    [{ topP: 1.1 }],
    [{ minP: Number.NaN }],
    [{ repetitionPenalty: 0 }],
    [{ seed: -1 }],
    [{ seed: 2 ** 53 }],
    [{ stop: '' }],
    [{ eosTokenId: [1, -1] }],
    [{ padTokenId: 0.5 }],
    [{ minNewTokens: -1 }],
    [{ suppressTokens: [0.5] }],
    [{ badWordsIds: [[]] }],
    [{ sequenceBias: [[[], 1]] }],
    [{ sequenceBias: [[[1], Number.NaN]] }],
    [{ forcedEosTokenId: [-1] }],
  ])('name an option that cannot be: %j', (options) => {
    const [field, found] = Object.entries(options)[0]!
    const error = failure(() => resolveGenerationConfig({}, options))
    expect(error).toMatchObject({ code: 'GENERATION_OPTION_INVALID', field, found })
    expect(error.message).toMatch(new RegExp(`^${field} is .+, expected .+`))
    expect(ConfigError.isInstance(error)).toBe(true)
  })

  it('take an empty list for none, also where the file has some', () => {
    const file = { stop_strings: ['###'], eos_token_id: 2 }
    expect(resolveGenerationConfig(file, { stop: [], eosTokenId: [] })).toMatchObject({
      stop: [],
      eosTokenIds: [],
    })
  })

  it('name numbers of other kinds', () => {
    // @ts-expect-error a BigInt is not a number
    const error = failure(() => resolveGenerationConfig({}, { seed: 5n }))
    expect(error).toMatchObject({
      code: 'GENERATION_OPTION_INVALID',
      message: 'seed is 5n, expected a whole number of at least 0',
    })
  })

  it('name wrong types', () => {
    // @ts-expect-error a string is not a number
    expect(failure(() => resolveGenerationConfig({}, { topK: '5' })).message).toBe(
      'topK is "5", expected a whole number of at least 0',
    )
    // @ts-expect-error null is not a number
    expect(failure(() => resolveGenerationConfig({}, { seed: null })).field).toBe('seed')
  })

  it('name the file and the way around it', () => {
    const file = { temperature: 'warm' }
    const error = failure(() => resolveGenerationConfig(file))
    expect(error).toMatchObject({ code: 'GENERATION_CONFIG_INVALID', file: 'generation_config.json' })
    expect(error.message).toBe(
      'temperature in generation_config.json is "warm", expected a number of at least 0',
    )
    expect(error.hint).toContain('give temperature as an option')
    expect(resolveGenerationConfig(file, { temperature: 1 }).temperature).toBe(1)
  })

  it.each([
    ['max_new_tokens', 'maxNewTokens'],
    ['temprature', 'temperature'],
    ['top_p', 'topP'],
    ['stopStrings', 'stop'],
    ['constructor', ''],
  ])('name the option closest to %s', (name, closest) => {
    const error = failure(() => resolveGenerationConfig({}, { [name]: 1 }))
    expect(error).toMatchObject({ code: 'GENERATION_OPTION_UNKNOWN', field: name })
    expect(error.hint).toContain(`Did you mean "${closest}`)
  })

  it('refuse to sample at temperature 0', () => {
    const error = failure(() => resolveGenerationConfig({}, { doSample: true, temperature: 0 }))
    expect(error).toMatchObject({ field: 'temperature', message: 'doSample is true but temperature is 0' })
  })
})

describe('tokenBudget', () => {
  const budget = (options: GenerationOptions, prompt: number, context?: number) =>
    tokenBudget(resolveGenerationConfig({}, options), prompt, context)

  it('is maxNewTokens, or what maxLength leaves, or 20, within the context', () => {
    expect(budget({ maxNewTokens: 7 }, 100)).toBe(7)
    expect(budget({ maxLength: 50 }, 30)).toBe(20)
    expect(budget({ maxLength: 50, maxNewTokens: 3 }, 30)).toBe(3)
    expect(budget({}, 5)).toBe(20)
    expect(budget({ maxNewTokens: 100 }, 500, 512)).toBe(12)
  })

  it('refuses a prompt that leaves no room', () => {
    expect(failure(() => budget({ maxLength: 10 }, 10)).message).toBe(
      'the prompt has 10 tokens, maxLength is 10',
    )
    expect(failure(() => budget({}, 512, 512))).toMatchObject({ code: 'PROMPT_TOO_LONG', expected: 512 })
  })
})
