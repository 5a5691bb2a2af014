import { CapabilityError, ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { configFromAlias, torchao } from './index.js'
import { describeOf, formOf, rebuilt } from './testing/quant-type.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

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
    const settings = torchao.definition.config.parse({ quant_type: name, quant_type_kwargs: kwargs })
    expect(torchao.definition.files!.rewrite!(settings, { metadata: {}, tensors: new Map() })).toBe(settings)
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
