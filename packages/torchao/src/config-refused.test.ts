import { CapabilityError, ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { torchao } from './index.js'
import { block, INT8, INTX } from './testing/config-json.fixture.js'
import { noModules } from './testing/no-modules.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

describe('a config that cannot be read is refused by name', () => {
  const data = '_data' as const
  test.each([
    ['no quant_type', { quant_type: undefined }, 'FIELD_MISSING', 'quant_type'],
    ['a second config', { quant_type: { default: INT8, other: INT8 } }, 'FIELD_VALUE', 'quant_type'],
    [
      'an unknown class',
      { quant_type: { default: { ...INT8, _type: '__proto__' } } },
      'TYPE_UNKNOWN',
      'quant_type.default._type',
    ],
    [
      'an unknown version',
      { quant_type: { default: { ...INT8, _version: 3 } } },
      'CONFIG_VERSION_UNKNOWN',
      'quant_type.default._version',
    ],
    [
      'an unknown field',
      { quant_type: { default: { ...INT8, [data]: { ...INT8._data, bits: 8 } } } },
      'FIELD_UNKNOWN',
      'quant_type.default._data.bits',
    ],
    [
      'an unknown type inside',
      { quant_type: { default: { ...INT8, [data]: { granularity: { _type: 'os.system', _data: {} } } } } },
      'TYPE_UNKNOWN',
      'quant_type.default._data.granularity._type',
    ],
    [
      'an unknown dtype',
      {
        quant_type: {
          default: { ...INTX, [data]: { weight_dtype: { _type: 'torch.dtype', _data: 'int9' } } },
        },
      },
      'FIELD_VALUE',
      'quant_type.default._data.weight_dtype._data',
    ],
    [
      'a dtype that is no integer',
      {
        quant_type: {
          default: { ...INTX, [data]: { weight_dtype: { _type: 'torch.dtype', _data: 'float32' } } },
        },
      },
      'FIELD_VALUE',
      'quant_type.default._data.weight_dtype',
    ],
    [
      'an unknown member',
      {
        quant_type: {
          default: { ...INTX, [data]: { weight_mapping_type: { _type: 'MappingType', _data: 'ODD' } } },
        },
      },
      'FIELD_VALUE',
      'quant_type.default._data.weight_mapping_type._data',
    ],
    [
      'symmetric activations',
      {
        quant_type: {
          default: { ...INTX, [data]: { act_mapping_type: { _type: 'MappingType', _data: 'SYMMETRIC' } } },
        },
      },
      'FIELD_VALUE',
      'quant_type.default._data.act_mapping_type',
    ],
    [
      'a group of nothing',
      {
        quant_type: {
          default: {
            ...INT8,
            [data]: { granularity: { _type: 'PerGroup', _version: 1, _data: { group_size: 0 } } },
          },
        },
      },
      'FIELD_VALUE',
      'quant_type.default._data.granularity._data.group_size',
    ],
    ['a flag that is none', { untie_embedding_weights: 'yes' }, 'FIELD_TYPE', 'untie_embedding_weights'],
  ])('%s', (_name, change, code, field) => {
    const error = thrown(() => torchao.parseConfig(block(INT8, change)))
    expect(ConfigError.isInstance(error) && error).toMatchObject({ code, field })
    expect((error as Error).message).toContain(field)
  })

  test('nesting that would exhaust the stack', () => {
    let deep: unknown = null
    for (let i = 0; i < 5000; i++) deep = [deep]
    const json = block({ ...INT8, _data: { granularity: deep } })
    expect(() => torchao.parseConfig(json)).toThrow(/levels/)
  })

  test.each([
    ['a class that holds tensors', { default: { _type: 'Int8StaticActivationInt8WeightConfig', _data: {} } }],
    ['a choice that is made by measuring', 'autoquant'],
  ])('%s is of torchao, but not offered', (_name, quantType) => {
    const error = thrown(() => torchao.parseConfig(block(INT8, { quant_type: quantType })))
    expect(CapabilityError.isInstance(error) && error.code).toBe('QUANT_TYPE_UNSUPPORTED')
    const name = typeof quantType === 'string' ? quantType : quantType.default._type
    expect((error as Error).message).toContain(name)
    expect((error as Error).message).toContain('Int4WeightOnlyConfig')
  })
})

test('a key that is not known is kept, and said', () => {
  const json = block(INT8, { include_embedding: false, rotation: 'none' })
  const config = torchao.parseConfig(json)
  expect(config.toDict()).toMatchObject({ rotation: 'none' })
  const [remark] = torchao.definition.config.warnings!(torchao.definition.config.parse(json), noModules)
  expect(remark).toContain('kept, without effect: "rotation"')
})
