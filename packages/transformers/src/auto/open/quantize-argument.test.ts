import { defineQuantizer, type MergedQuantization, type Shell, skip } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { includeHead } from './include-head.js'
import { checkQuantize, int8Config, readQuantize } from './quantize-argument.js'

test('"int8" means nothing until a package has said what it stands for', async () => {
  await expect(int8Config()).rejects.toMatchObject({ code: 'INT8_UNAVAILABLE', name: 'EnvironmentError' })
})

test.each(['int8', 'INT8', 'Int8'])('%s is understood', (value) => {
  expect(() => checkQuantize(value)).not.toThrow()
})

test('a configuration is taken as it is', async () => {
  const config = { quant_method: 'nothing' }
  expect(await readQuantize(config)).toBe(config)
})

/** Values that are no quantization, and what the error points at. */
const refusals: readonly (readonly [value: unknown, code: string, hint: string])[] = [
  [true, 'QUANTIZE_TYPE', "dtype: 'float16' or 'bfloat16'"],
  ['fp16', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'fp16'"],
  ['Half', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'Half'"],
  ['bf16', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'bf16'"],
  ['float32', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'float32'"],
  ['int4', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  ['nf4', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  ['', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  [false, 'QUANTIZE_TYPE', "quantize: 'int8'"],
  [1, 'QUANTIZE_TYPE', "quantize: 'int8'"],
  [null, 'QUANTIZE_TYPE', "quantize: 'int8'"],
  [[], 'QUANTIZE_TYPE', "quantize: 'int8'"],
]

describe.each(refusals)('quantize %j is refused', (value, code, hint) => {
  const refused = { name: 'ConfigError', code, field: 'quantize', hint: expect.stringContaining(hint) }

  test('while loading', () => {
    expect(() => checkQuantize(value)).toThrow(expect.objectContaining(refused))
  })

  test('after loading', async () => {
    await expect(readQuantize(value)).rejects.toMatchObject(refused)
  })
})

test('a method that has no such choice does not quantize the head', () => {
  const backend = defineQuantizer<object>({
    specVersion: 2,
    revision: 1,
    quantMethod: 'nothing',
    config: { parse: () => ({}), format: () => ({}) },
    formatFor: () => skip('is left alone'),
  })
  const merged: MergedQuantization = {
    ...{ method: 'nothing', config: backend(), backend },
    ...{ preQuantized: false, overridden: [], ignored: [] },
  }
  const shell = { ties: [], outputEmbedding: 'lm_head' } as unknown as Shell
  expect(() => includeHead(merged, shell, 'model')).toThrow(
    expect.objectContaining({ code: 'HEAD_UNAVAILABLE', module: 'lm_head' }),
  )
})
