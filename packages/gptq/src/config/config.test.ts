import { describe, expect, test } from 'vitest'
import { GPTQConfig, gptq, recipes } from '../index.js'
import { matchingRule, readDynamicRules } from './dynamic-rules.js'

describe('GPTQConfig', () => {
  test('has the defaults of transformers and writes the keys of GPTQModel', () => {
    const config = new GPTQConfig({ bits: 4 })
    expect(config.value).toMatchObject({
      groupSize: 128,
      dampPercent: 0.1,
      descAct: false,
      actGroupAware: true,
      sym: true,
      trueSequential: true,
    })
    expect(Object.keys(config.toDict())).toEqual([
      ...[
        'quant_method',
        'bits',
        'group_size',
        'desc_act',
        'sym',
        'lm_head',
        'format',
        'checkpoint_format',
        'pack_dtype',
        'meta',
      ],
    ])
  })

  test.each([
    [{ bits: 5 }, 'bits'],
    [{ bits: 4, groupSize: 0 }, 'group_size'],
    [{ bits: 4, groupSize: -2 }, 'group_size'],
    [{ bits: 4, dampPercent: 1 }, 'damp_percent'],
    [{ bits: 4, dampPercent: 0 }, 'damp_percent'],
    [{ bits: 4, mse: -1 }, 'mse'],
    [{ bits: 4, samples: 0 }, 'samples'],
    [{ bits: 4, mse: '2' }, 'mse'],
    [{ bits: 4, sym: 'yes' }, 'sym'],
    [{ bits: 4, staticGroups: 1 }, 'staticGroups'],
    [{ bits: 4, method: 'nearest' }, 'method'],
    [{ bits: 4, format: 'v3' }, 'format'],
    [{ bits: 4, backend: 3 }, 'backend'],
    [{ bits: 4, dataset: 'c4' }, 'dataset'],
    [{ bits: 4, dataset: [{ text: 'a row' }] }, 'dataset'],
    [{ bits: 4, modulesInBlockToQuantize: 'mlp' }, 'modules_in_block_to_quantize'],
    [{ bits: 4, dynamic: { '+:(': {} } }, 'dynamic'],
    [{ bits: 4, dynamic: { '-:(a)\\1': {} } }, 'dynamic'],
    [{ bits: 4, dynamic: { x: 3 } }, 'dynamic'],
  ])('refuses %j by the name of the field', (options, field) => {
    expect(() => new GPTQConfig(options as never)).toThrow(expect.objectContaining({ field }))
  })

  test('is refused before anything is changed where it comes from options that nobody has looked at', () => {
    const { value } = gptq({ method: 'nearest' } as never)
    const use = { preQuantized: false, environment: { devices: [], has: () => true } }
    expect(() => gptq.definition.config.check!(value, use)).toThrow(
      expect.objectContaining({ code: 'FIELD_VALUE', field: 'method' }),
    )
  })

  test('a rule that a backtracking engine never answers is answered', () => {
    const rules = readDynamicRules({ '+:(([a-z0-9._]+)+)+!': { bits: 8 }, '.*q_proj': { bits: 3 } })
    expect(matchingRule(rules, 'model.layers.0.self_attn.q_proj')?.overrides).toEqual({ bits: 3 })
  })

  test('act-order turns the group-aware order off', () => {
    expect(new GPTQConfig({ bits: 4, descAct: true }).value.actGroupAware).toBe(false)
  })

  test('never writes what it calibrates with', () => {
    const secret = 'a text that nobody should publish'
    expect(JSON.stringify(new GPTQConfig({ bits: 4, dataset: [secret] }).toDict())).not.toContain(secret)
    const parsed = gptq.parseConfig({ quant_method: 'gptq', bits: 4, group_size: 32, dataset: [secret] })
    expect(JSON.stringify(parsed.toDict())).not.toContain(secret)
  })
})

describe('a block of config.json', () => {
  const parse = (json: object) => gptq.parseConfig({ quant_method: 'gptq', ...json }) as unknown as GPTQConfig

  test.each([
    [
      { bits: 4, group_size: 64, checkpoint_format: 'gptq_v2' },
      { groupSize: 64, format: 'gptq_v2' },
    ],
    [{ bits: 4, format: 'GPTQ_V2', checkpoint_format: 'gptq' }, { format: 'gptq_v2' }],
    [
      { w_bit: 8, q_group_size: 32 },
      { bits: 8, groupSize: 32 },
    ],
    [
      { wbits: 3, group_size: -1, zero_point: true },
      { bits: 3, groupSize: -1, sym: false },
    ],
    [
      { Bits: 2, GROUP_SIZE: 16 },
      { bits: 2, groupSize: 16 },
    ],
    [
      { bits: 4, meta: { damp_percent: 0.05, mse: 2.4 } },
      { dampPercent: 0.05, mse: 2.4 },
    ],
    [{ bits: 4, dataset: 'c4', use_exllama: true }, { dataset: null }],
  ])('%j is understood', (json, expected) => expect(parse(json).value).toMatchObject(expected))

  test.each([
    ['bits that do not exist', { bits: 5 }, { name: 'ConfigError', code: 'FIELD_VALUE', field: 'bits' }],
    ['a format made for one kernel', { format: 'marlin' }, { code: 'GPTQ_FORMAT', field: 'format' }],
    [
      'planar codes',
      { format: 'gptq_p' },
      { code: 'GPTQ_FORMAT', message: expect.stringContaining('planar codes') },
    ],
    ['marlin by its old key', { is_marlin_format: true }, { code: 'GPTQ_FORMAT', field: 'is_marlin_format' }],
    ['AWQ', { awq_gemm_checkpoint: true }, { code: 'GPTQ_FORMAT', field: 'awq_gemm_checkpoint' }],
    ['rotated weights', { rotation: 'hadamard' }, { code: 'ROTATION', field: 'rotation' }],
    ['other words', { pack_dtype: 'int16' }, { code: 'PACK_DTYPE', expected: ['int32'] }],
  ])('with %s is refused', (_, change, refused) => {
    expect(() => parse({ bits: 4, group_size: 64, ...change })).toThrow(
      expect.objectContaining({ name: 'CapabilityError', ...refused }),
    )
  })

  test('keeps everything that it said', () => {
    const json = { quant_method: 'gptq', bits: 4, group_size: 64, meta: { uri: 'x', odd: [1] }, unknown: 3 }
    expect(parse(json).toDict()).toMatchObject(json)
  })
})

test('recipes have the parameters that their names promise', () => {
  const of = (name: string) => recipes[name]!().value
  expect(of('gptq-int4')).toMatchObject({ bits: 4, groupSize: 128, sym: true, method: 'gptq' })
  expect(of('gptq-int3-g32')).toMatchObject({ bits: 3, groupSize: 32 })
  expect(of('gptq-int8')).toMatchObject({ bits: 8 })
  expect(of('rtn-int2-g32')).toMatchObject({ bits: 2, groupSize: 32, method: 'rtn' })
  expect(
    recipes['gptq-int4-g32']!({ calibration: ['x'], samples: 3, sequenceLength: 64 }).value,
  ).toMatchObject({
    dataset: ['x'],
    samples: 3,
    sequenceLength: 64,
  })
})
