import { CapabilityError, ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { configFromAlias, recipes, refusedRecipes, torchao } from './index.js'

const enumeration = (type: string, member: string) => ({ _type: type, _data: member })
const dtype = (name: string) => enumeration('torch.dtype', name)
const instance = (type: string, data: object = {}) => ({ _type: type, _version: 1, _data: data })
const SYMMETRIC = enumeration('MappingType', 'SYMMETRIC')
const ROW = instance('PerRow', { dim: -1 })

const rebuilt = (quantType: unknown, rest: object = {}) =>
  torchao.parseConfig({ quant_method: 'torchao', quant_type: quantType, ...rest } as Record<string, unknown>)
const formOf = (json: ReturnType<typeof rebuilt>) =>
  (json.toDict().quant_type as { default: unknown }).default
const describeOf = (json: ReturnType<typeof rebuilt>) =>
  torchao.definition.parseConfig({ ...json.toDict() }).quantType.describe()

const thrown = (action: () => unknown): unknown => {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

describe('every config that torchao releases write is read and written back as it was', () => {
  test.each([
    [
      'Int8DynamicActivationInt8WeightConfig, 0.18',
      'Int8DynamicActivationInt8WeightConfig',
      2,
      {
        act_mapping_type: SYMMETRIC,
        weight_only_decode: false,
        granularity: ROW,
        set_inductor_config: true,
        reduce_range: false,
      },
    ],
    [
      'the same with settings for activations and weights apart',
      'Int8DynamicActivationInt8WeightConfig',
      2,
      {
        act_mapping_type: enumeration('MappingType', 'ASYMMETRIC'),
        weight_only_decode: true,
        granularity: [ROW, instance('PerTensor')],
        set_inductor_config: false,
        reduce_range: true,
      },
    ],
    [
      'the same, 0.14',
      'Int8DynamicActivationInt8WeightConfig',
      1,
      {
        layout: instance('PlainLayout'),
        act_mapping_type: SYMMETRIC,
        weight_only_decode: false,
        set_inductor_config: true,
      },
    ],
    [
      'the same, 0.17',
      'Int8DynamicActivationInt8WeightConfig',
      1,
      {
        layout: null,
        act_mapping_type: SYMMETRIC,
        weight_only_decode: false,
        granularity: ROW,
        set_inductor_config: true,
      },
    ],
    [
      'Int8DynamicActivationInt4WeightConfig',
      'Int8DynamicActivationInt4WeightConfig',
      1,
      {
        group_size: 32,
        layout: instance('PlainLayout'),
        mapping_type: SYMMETRIC,
        act_mapping_type: enumeration('MappingType', 'ASYMMETRIC'),
        set_inductor_config: true,
      },
    ],
    [
      'IntxWeightOnlyConfig',
      'IntxWeightOnlyConfig',
      2,
      {
        weight_dtype: dtype('int8'),
        granularity: instance('PerAxis', { axis: 0 }),
        mapping_type: SYMMETRIC,
        scale_dtype: null,
        intx_packing_format: enumeration('IntxPackingFormat', 'UNPACKED_TO_INT8'),
        intx_choose_qparams_algorithm: enumeration('IntxChooseQParamsAlgorithm', 'AFFINE'),
      },
    ],
    [
      'Int4WeightOnlyConfig',
      'Int4WeightOnlyConfig',
      2,
      {
        group_size: 128,
        set_inductor_config: true,
        int4_packing_format: enumeration('Int4PackingFormat', 'PLAIN'),
        int4_choose_qparams_algorithm: enumeration('Int4ChooseQParamsAlgorithm', 'TINYGEMM'),
        int4_tile_packed_ntile: 8,
      },
    ],
    [
      'Float8WeightOnlyConfig',
      'Float8WeightOnlyConfig',
      2,
      { weight_dtype: dtype('float8_e4m3fn'), set_inductor_config: true, granularity: ROW },
    ],
    [
      'Float8DynamicActivationFloat8WeightConfig',
      'Float8DynamicActivationFloat8WeightConfig',
      2,
      {
        activation_dtype: dtype('float8_e4m3fn'),
        weight_dtype: dtype('float8_e4m3fn'),
        granularity: [instance('PerTensor'), instance('PerTensor')],
        packing_format: enumeration('Float8PackingFormat', 'PLAIN'),
        mm_config: instance('Float8MMConfig', { emulate: false, use_fast_accum: true, pad_inner_dim: false }),
        activation_value_lb: null,
        activation_value_ub: null,
        kernel_preference: enumeration('KernelPreference', 'AUTO'),
        set_inductor_config: true,
        alg_id: 0,
      },
    ],
    [
      'Float8DynamicActivationInt4WeightConfig',
      'Float8DynamicActivationInt4WeightConfig',
      1,
      { int4_packing_format: 'preshuffled' },
    ],
  ])('%s', (_name, type, version, data) => {
    const config = { _type: type, _version: version, _data: data }
    expect(formOf(rebuilt({ default: config }))).toEqual(config)
  })

  test('fields that Int4WeightOnlyConfig had up to 0.15 are left out while they hold their defaults', () => {
    const data = {
      group_size: 64,
      layout: instance('TensorCoreTiledLayout', { inner_k_tiles: 8 }),
      use_hqq: false,
      zero_point_domain: enumeration('ZeroPointDomain', 'NONE'),
      preserve_zero: null,
      packing_format: 'plain',
    }
    const config = rebuilt({ default: { _type: 'Int4WeightOnlyConfig', _version: 1, _data: data } })
    expect(describeOf(config)).toBe('Int4WeightOnlyConfig(64, PLAIN)')
    const error = thrown(() =>
      rebuilt({ default: { _type: 'Int4WeightOnlyConfig', _data: { ...data, use_hqq: true } } }),
    )
    expect(ConfigError.isInstance(error) && error).toMatchObject({
      code: 'FIELD_UNKNOWN',
      field: 'quant_type.default._data.use_hqq',
    })
  })

  test.each([
    ['Int8DynamicActivationInt8WeightConfig', { granularity: [ROW] }, 'granularity'],
    [
      'Int8DynamicActivationInt8WeightConfig',
      { granularity: instance('PerGroup', { group_size: 8 }) },
      'granularity',
    ],
    [
      'Int8DynamicActivationInt8WeightConfig',
      { granularity: [instance('PerRow', { dim: 0 }), ROW] },
      'granularity[0]._data.dim',
    ],
    [
      'Int8DynamicActivationInt8WeightConfig',
      { act_mapping_type: enumeration('MappingType', 'SYMMETRIC_NO_CLIPPING_ERR') },
      'act_mapping_type',
    ],
    ['Int8WeightOnlyConfig', { group_size: 32 }, 'group_size'],
    ['Int8WeightOnlyConfig', { granularity: instance('PerAxis', { axis: 0 }) }, 'granularity'],
    [
      'Int8DynamicActivationIntxWeightConfig',
      { weight_granularity: instance('PerAxis', { axis: 1 }) },
      'weight_granularity._data.axis',
    ],
    ['Int4WeightOnlyConfig', { int4_tile_packed_ntile: 12 }, 'int4_tile_packed_ntile'],
    ['Int4WeightOnlyConfig', { group_size: -1 }, 'group_size'],
    ['IntxWeightOnlyConfig', { granularity: ROW }, 'granularity'],
  ])('%s refuses %j', (type, data, field) => {
    const error = thrown(() => rebuilt({ default: { _type: type, _version: 2, _data: data } }))
    expect(ConfigError.isInstance(error) && error).toMatchObject({
      code: 'FIELD_VALUE',
      field: `quant_type.default._data.${field}`,
    })
  })
})

describe('a quant_type that is a name', () => {
  test.each([
    ['int8_weight_only', {}, 'Int8WeightOnlyConfig(PerRow)'],
    ['int8_weight_only', { group_size: 32 }, 'Int8WeightOnlyConfig(PerGroup(32))'],
    [
      'int4_weight_only',
      { group_size: 64, layout: ['Int4CPULayout', {}] },
      'Int4WeightOnlyConfig(64, PLAIN)',
    ],
    [
      'int4_weight_only',
      { layout: ['TensorCoreTiledLayout', { inner_k_tiles: 8 }] },
      'Int4WeightOnlyConfig(128, PLAIN)',
    ],
    [
      'int8_dynamic_activation_int8_weight',
      { layout: null },
      'Int8DynamicActivationInt8WeightConfig(PerRow, activations PerRow SYMMETRIC)',
    ],
  ])('%s with %j is version 1 of its config, and written as an object', (name, kwargs, described) => {
    const config = rebuilt(name, { quant_type_kwargs: kwargs })
    expect(describeOf(config)).toBe(described)
    expect(formOf(config)).toMatchObject({ _version: 1 })
    expect(config.toDict()).not.toHaveProperty('quant_type_kwargs')
    const settings = torchao.definition.parseConfig({ quant_type: name, quant_type_kwargs: kwargs })
    expect(torchao.definition.rewritesConfig!(settings)).toBe(true)
  })

  test.each([
    ['int5_weight_only', {}, 'FIELD_VALUE', 'quant_type'],
    ['toString', {}, 'FIELD_VALUE', 'quant_type'],
    ['int8_weight_only', { bits: 8 }, 'FIELD_UNKNOWN', 'quant_type_kwargs.bits'],
    ['int4_weight_only', { layout: 'Int4CPULayout' }, 'FIELD_TYPE', 'quant_type_kwargs.layout'],
    ['int4_weight_only', { layout: ['os.system', {}] }, 'TYPE_UNKNOWN', 'quant_type_kwargs.layout._type'],
  ])('%s with %j is refused', (name, kwargs, code, field) => {
    const error = thrown(() => rebuilt(name, { quant_type_kwargs: kwargs }))
    expect(ConfigError.isInstance(error) && error).toMatchObject({ code, field })
  })
})

describe('configFromAlias', () => {
  test.each([
    ['int8wo', 'Int8WeightOnlyConfig(PerRow)'],
    ['int8dq', 'Int8DynamicActivationInt8WeightConfig(PerRow, activations PerRow SYMMETRIC)'],
    ['int4wo', 'Int4WeightOnlyConfig(128, PLAIN)'],
    ['int4dq', 'Int8DynamicActivationIntxWeightConfig(int4, PerGroup(32))'],
  ])('%s is %s', (name, described) => {
    expect(configFromAlias(name).describe()).toBe(described)
  })

  test.each(['float8wo', 'float8dq'])('%s cannot be quantized with, for a stated reason', (name) => {
    const error = thrown(() => configFromAlias(name))
    expect(CapabilityError.isInstance(error) && error.message).toMatch(/accelerator/)
  })

  test('any other name is refused with the list', () => {
    const error = thrown(() => configFromAlias('int3wo'))
    expect(ConfigError.isInstance(error) && error.message).toContain('int8wo, int8dq, int4wo, int4dq')
  })

  test('files may not hold them', () => {
    expect(ConfigError.isInstance(thrown(() => rebuilt('int8wo')))).toBe(true)
  })
})

describe('float8 is not made', () => {
  const weight = { path: 'fc', kind: 'linear', outFeatures: 4, inFeatures: 64, dtype: 'bfloat16' } as const

  test.each([
    ['Float8WeightOnlyConfig', 'Int8DynamicActivationInt8WeightConfig'],
    ['Float8DynamicActivationFloat8WeightConfig', 'Int8DynamicActivationInt8WeightConfig'],
    ['Float8DynamicActivationInt4WeightConfig', 'Int4WeightOnlyConfig'],
    ['Int8DynamicActivationInt4WeightConfig', 'Int8DynamicActivationIntxWeightConfig'],
  ])('%s is refused with a reason, and %s is offered', (type, instead) => {
    const { quantType } = torchao.definition.parseConfig({ quant_type: { default: instance(type) } })
    const error = thrown(() => quantType.formatFor(weight))
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'CONFIG_NOT_QUANTIZABLE',
      hint: expect.stringContaining(instead),
    })
  })

  test.each(Object.entries(refusedRecipes))('recipe %s says why, and what to use', (name, recipe) => {
    const error = thrown(recipe)
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'RECIPE_UNAVAILABLE',
      found: name,
    })
    expect((error as Error).message).toContain('not available on this runtime')
    expect(Object.keys(recipes).some((other) => (error as CapabilityError).hint?.includes(other))).toBe(true)
  })

  test('dynamic float8 activations are mentioned when such a checkpoint is loaded', () => {
    const config = torchao.definition.parseConfig({
      quant_type: { default: { ...instance('Float8DynamicActivationFloat8WeightConfig'), _version: 2 } },
    })
    expect(torchao.definition.warnings!(config)).toEqual([expect.stringContaining('activations stay float')])
  })
})
