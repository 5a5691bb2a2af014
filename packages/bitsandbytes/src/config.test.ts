import { readFile } from 'node:fs/promises'
import { ConfigError, formatJson, type JsonObject, toNode } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { BitsAndBytesConfig, bitsandbytes, recipes } from './index.js'

const golden = async (model: string): Promise<string> =>
  readFile(new URL(`../../../goldens/bitsandbytes/${model}/config.json`, import.meta.url), 'utf8')

/** The block as it stands in config.json, two levels in. */
const blockOf = (config: string): string =>
  config.slice(config.indexOf('"quantization_config": ') + 23, config.indexOf('},\n  "rms_norm_eps"') + 1)

const asInFile = (config: BitsAndBytesConfig): string =>
  formatJson(toNode(config.toDict())).trimEnd().replaceAll('\n', '\n  ')

describe('the block in config.json', () => {
  test.each([
    ['tiny-llama-bnb-nf4-dq', recipes['nf4-double-quant']!()],
    ['tiny-llama-bnb-fp4', recipes.fp4!()],
    ['tiny-llama-bnb-int8', recipes['llm-int8']!()],
  ])('is that of %s, byte for byte', async (model, config) => {
    expect(asInFile(config)).toBe(blockOf(await golden(model)))
  })

  test('read from Python and written again is the same', async () => {
    for (const model of ['tiny-llama-bnb-nf4-dq', 'tiny-llama-bnb-fp4', 'tiny-llama-bnb-int8']) {
      const json = JSON.parse(await golden(model)).quantization_config as JsonObject
      const config = bitsandbytes.parseConfig(json)
      expect(JSON.parse(JSON.stringify(config.toDict()))).toEqual(json)
    }
  })

  test('keeps a threshold that is a whole number a float, also after reading its own output', () => {
    const config = new BitsAndBytesConfig({ loadIn8bit: true, llmInt8Threshold: 0 })
    const again = bitsandbytes.parseConfig(config.toDict())
    expect(asInFile(config)).toContain('"llm_int8_threshold": 0.0,')
    expect(formatJson(toNode(again.toDict()))).toBe(formatJson(toNode(config.toDict())))
  })

  test('keeps keys that the library does not have, without effect, and ignores the private ones', () => {
    const json = {
      load_in_4bit: true,
      _load_in_8bit: true,
      future: [1],
      bnb_4bit_compute_dtype: 'torch.bfloat16',
    }
    const config = bitsandbytes.parseConfig(json)
    expect(config.toDict()).toMatchObject({ load_in_8bit: false, bnb_4bit_compute_dtype: 'bfloat16' })
    expect(config.toDict()).toMatchObject({ future: [1] })
    const outcome = { quantized: [], float: [], kept: [], isDefault: true, head: 'lm_head' }
    const remarks = bitsandbytes.definition.config.warnings?.(
      bitsandbytes.definition.config.parse(json),
      outcome,
    )
    expect(remarks).toEqual([expect.stringContaining('kept, without effect: "future"')])
  })
})

describe('BitsAndBytesConfig', () => {
  test.each([
    [{}, undefined],
    [{ loadIn8bit: true }, 'llm_int8'],
    [{ loadIn4bit: true }, 'fp4'],
    [{ loadIn4bit: true, bnb4bitQuantType: 'nf4' }, 'nf4'],
  ] as const)('%j is %s', (options, method) => {
    const config = new BitsAndBytesConfig(options)
    expect(config.quantizationMethod()).toBe(method)
    expect(config.isQuantizable()).toBe(method !== undefined)
  })

  test('remembers what was set on purpose', () => {
    const config = new BitsAndBytesConfig({ loadIn4bit: true, bnb4bitUseDoubleQuant: false })
    expect([...config.explicitKeys]).toEqual(['load_in_4bit', 'bnb_4bit_use_double_quant'])
  })

  test.each([
    [{ loadIn4bit: true, loadIn8bit: true }, 'LOAD_FLAGS_CONFLICT', 'load_in_4bit'],
    [{ loadIn4bit: 'yes' }, 'FIELD_TYPE', 'load_in_4bit'],
    [{ bnb4bitQuantType: 'int4' }, 'FIELD_VALUE', 'bnb_4bit_quant_type'],
    [{ bnb4bitQuantType: 4 }, 'FIELD_TYPE', 'bnb_4bit_quant_type'],
    [{ bnb4bitQuantStorage: 'add' }, 'FIELD_VALUE', 'bnb_4bit_quant_storage'],
    [{ bnb4bitComputeDtype: 'int8' }, 'DTYPE_NOT_FLOATING', 'bnb_4bit_compute_dtype'],
    [{ bnb4bitUseDoubleQuant: 1 }, 'FIELD_TYPE', 'bnb_4bit_use_double_quant'],
    [{ llmInt8Threshold: '6' }, 'FIELD_TYPE', 'llm_int8_threshold'],
    [{ llmInt8Threshold: Number.NaN }, 'FIELD_TYPE', 'llm_int8_threshold'],
    [{ llmInt8SkipModules: 'lm_head' }, 'FIELD_TYPE', 'llm_int8_skip_modules'],
    [{ llmInt8HasFp16Weight: 'no' }, 'FIELD_TYPE', 'llm_int8_has_fp16_weight'],
    [{ llmInt8EnableFp32CpuOffload: 0 }, 'FIELD_TYPE', 'llm_int8_enable_fp32_cpu_offload'],
    [{ profile: 'tpu' }, 'FIELD_VALUE', 'profile'],
    [{ blockSize: 64 }, 'OPTION_UNKNOWN', 'blockSize'],
  ])('%j is refused: %s', (options, code, field) => {
    let thrown: unknown
    try {
      new BitsAndBytesConfig(options as never)
    } catch (error) {
      thrown = error
    }
    expect(ConfigError.isInstance(thrown)).toBe(true)
    expect(thrown).toMatchObject({ code, field })
    expect((thrown as Error).message).toContain(field)
  })

  test('without a load flag is refused when a model is loaded, not before', () => {
    const quantizer = bitsandbytes.create(new BitsAndBytesConfig(), false)
    expect(() => quantizer.validateEnvironment({ devices: ['cpu'], has: () => true })).toThrow(/load_in_4bit/)
  })
})
