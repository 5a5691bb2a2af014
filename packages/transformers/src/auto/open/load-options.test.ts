import { describe, expect, test } from 'vitest'
import { checkLoadOptions, type LoadModelOptions } from './load-options.js'

const refusalOf = (options: unknown): unknown => {
  try {
    return checkLoadOptions(options as LoadModelOptions)
  } catch (error) {
    return error
  }
}

test('what an option may be is taken, and absent ones are as good', () => {
  const everything: LoadModelOptions = {
    ...{ quantize: 'INT8', quantizeLmHead: true, deviceMap: 'auto', dtype: 'bf16', compute: 'exact' },
    ...{ memory: 'low', kvCacheDtype: 'float16', maxInFlightBytes: 1, workers: 1, threads: 1, cache: false },
    ...{ allowUnknownQuantMethod: true, onProgress: () => {}, signal: new AbortController().signal },
  }
  const absent = Object.fromEntries(Object.keys(everything).map((name) => [name, undefined]))
  for (const options of [everything, absent, {}, { quantize: null, quantizationConfig: null, dtype: null }]) {
    expect(() => checkLoadOptions(options)).not.toThrow()
  }
})

describe('of a choice, only the names are taken', () => {
  test.each([
    ['kvCacheDtype', ['int8', 'FLOAT16', 16, true], ['float32', 'float16']],
    ['compute', ['quick', 'EXACT', 1], ['fast', 'exact']],
    ['memory', ['high', 1], ['auto', 'low']],
  ])('%s', (field, values, expected) => {
    for (const value of values) {
      const refused = { name: 'ConfigError', code: 'FIELD_VALUE', field, expected }
      expect(refusalOf({ [field]: value })).toMatchObject(refused)
    }
  })
})

describe('a value of a wrong type is refused by the name of its option', () => {
  test.each([
    ['signal', 5, /signal is number, expected an AbortSignal/],
    ['onProgress', 5, /onProgress is number, expected a function/],
    ['cache', 'no', /cache is string, expected a boolean/],
    ['quantizeLmHead', 'yes', /quantizeLmHead is string, expected a boolean/],
    ['maxInFlightBytes', 0, /maxInFlightBytes is 0, expected a positive integer/],
    ['workers', 1.5, /workers is 1.5, expected a positive integer/],
    ['threads', -1, /threads is -1, expected a positive integer/],
  ])('%s %j', (field, value, message) => {
    const refused = { name: 'ConfigError', code: 'OPTION_VALUE', field, found: value }
    expect(refusalOf({ [field]: value })).toMatchObject({
      ...refused,
      message: expect.stringMatching(message),
    })
  })
})

test('the head is not quantized where nothing is', () => {
  expect(refusalOf({ quantizeLmHead: true })).toMatchObject({ code: 'OPTION_VALUE', field: 'quantizeLmHead' })
})

test('an unknown option is an error that lists those there are', () => {
  expect(refusalOf({ quantise: 'int8' })).toMatchObject({
    ...{ name: 'ConfigError', code: 'OPTION_UNKNOWN', field: 'quantise' },
    hint: expect.stringContaining('quantizationConfig, quantize,'),
  })
})

test.each([null, 'int8'])('options that are %j are none', (options) => {
  expect(refusalOf(options)).toMatchObject({ name: 'ConfigError', code: 'OPTIONS_TYPE' })
})
