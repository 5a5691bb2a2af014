import { readFile } from 'node:fs/promises'
import { CapabilityError, ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import {
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perAxis,
  perGroup,
  recipes,
  TorchAoConfig,
  torchao,
} from './index.js'
import { goldenPath } from './testing/golden.fixture.js'

const ROW = { _type: 'PerRow', _version: 1, _data: { dim: -1 } }
const INT8 = {
  _type: 'Int8WeightOnlyConfig',
  _version: 2,
  _data: { group_size: null, granularity: ROW, set_inductor_config: true },
}
const INTX = {
  _type: 'Int8DynamicActivationIntxWeightConfig',
  _version: 2,
  _data: {
    weight_dtype: { _type: 'torch.dtype', _data: 'int4' },
    weight_granularity: { _type: 'PerGroup', _version: 1, _data: { group_size: 32 } },
    weight_mapping_type: { _type: 'MappingType', _data: 'SYMMETRIC' },
    weight_scale_dtype: null,
    act_mapping_type: { _type: 'MappingType', _data: 'ASYMMETRIC' },
    intx_packing_format: { _type: 'IntxPackingFormat', _data: 'UNPACKED_TO_INT8' },
    intx_choose_qparams_algorithm: { _type: 'IntxChooseQParamsAlgorithm', _data: 'AFFINE' },
  },
}
const block = (config: unknown, rest: object = {}) => ({
  quant_method: 'torchao',
  quant_type: { default: config },
  modules_to_not_convert: null,
  include_input_output_embeddings: false,
  untie_embedding_weights: false,
  ...rest,
})
const rebuilt = (json: object) => torchao.parseConfig({ ...json }).toDict()

const thrown = (action: () => unknown): unknown => {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

describe('a config that Python writes is read and written back as it was', () => {
  test.each([
    ['Int8WeightOnlyConfig', INT8],
    ['the same of release 0.15 to 0.17', { ...INT8, _version: 1 }],
    [
      'the same of release 0.14 and before',
      { ...INT8, _version: 1, _data: { group_size: null, set_inductor_config: true } },
    ],
    [
      'int8 in groups',
      {
        ...INT8,
        _data: { ...INT8._data, granularity: { _type: 'PerGroup', _version: 1, _data: { group_size: 64 } } },
      },
    ],
    [
      'int8 with one scale',
      { ...INT8, _data: { ...INT8._data, granularity: { _type: 'PerTensor', _version: 1, _data: {} } } },
    ],
    ['Int8DynamicActivationIntxWeightConfig', INTX],
    [
      'other fields than the default',
      {
        ...INTX,
        _data: {
          ...INTX._data,
          weight_dtype: { _type: 'torch.dtype', _data: 'int7' },
          weight_granularity: { _type: 'PerAxis', _version: 1, _data: { axis: 0 } },
          weight_mapping_type: { _type: 'MappingType', _data: 'ASYMMETRIC' },
          weight_scale_dtype: { _type: 'torch.dtype', _data: 'float32' },
          intx_packing_format: { _type: 'IntxPackingFormat', _data: 'OPAQUE_TORCHAO_AUTO' },
        },
      },
    ],
  ])('%s', (_name, config) => {
    expect(rebuilt(block(config))).toEqual(block(config))
  })

  test('with a skip list and flags', () => {
    const json = block(INT8, { modules_to_not_convert: ['lm_head'], include_input_output_embeddings: true })
    expect(rebuilt(json)).toEqual(json)
  })

  test.each(['int8-weight-only', 'int8-dynamic-act-int4-weight-bin'])(
    'the golden folder %s, which a recipe equals',
    async (folder) => {
      const text = await readFile(goldenPath(`tiny-llama/${folder}/config.json`), 'utf8')
      const { quantization_config: json } = JSON.parse(text) as { quantization_config: object }
      expect(rebuilt(json)).toEqual(json)
      expect(recipes[folder.replace('-bin', '')]!().toDict()).toEqual(json)
    },
  )
})

describe('older and shorter spellings', () => {
  test('keys that an older transformers leaves out or adds', () => {
    expect(rebuilt({ quant_type: { default: INT8 }, quant_type_kwargs: {} })).toEqual(block(INT8))
  })

  test('a missing _version is 1', () => {
    const { _version, ...config } = INT8
    expect(rebuilt(block(config))).toEqual(block({ ...INT8, _version: 1 }))
  })

  test('missing fields have the defaults of the class', () => {
    expect(rebuilt(block({ ...INT8, _data: {} }))).toEqual(block(INT8))
  })

  test('a layout of an older release is left out; a packing format may be a bare string', () => {
    const older = {
      ...INTX._data,
      layout: { _type: 'QDQLayout', _version: 1, _data: {} },
      intx_packing_format: 'unpacked_to_int8',
    }
    expect(rebuilt(block({ ...INTX, _data: older }))).toEqual(block(INTX))
  })
})

describe('TorchAoConfig', () => {
  test('states what was set', () => {
    const config = new TorchAoConfig({
      quantType: new Int8WeightOnlyConfig({ granularity: perGroup(64) }),
      modulesToNotConvert: ['lm_head'],
      replaceDefaults: true,
    })
    expect(config.quantMethod).toBe('torchao')
    expect(config.backend).toBe(torchao)
    expect([...config.explicitKeys]).toEqual(['quant_type', 'modules_to_not_convert'])
    expect(config.toDict()).toEqual(
      torchao.parseConfig({ ...config.toDict() } as Record<string, unknown>).toDict(),
    )
  })

  test('has the defaults of Python', () => {
    expect(new TorchAoConfig({ quantType: new Int8WeightOnlyConfig() }).toDict()).toEqual(block(INT8))
    const { _data: intx } = (
      new TorchAoConfig({ quantType: new Int8DynamicActivationIntxWeightConfig() }).toDict() as {
        quant_type: { default: { _data: Record<string, unknown> } }
      }
    ).quant_type.default
    expect(intx).toEqual({ ...INTX._data, weight_dtype: { _type: 'torch.dtype', _data: 'int8' } })
  })

  test('refuses a quantType that is not a config', () => {
    const error = thrown(() => new TorchAoConfig({ quantType: 'int8_weight_only' as never }))
    expect(ConfigError.isInstance(error) && error).toMatchObject({ code: 'FIELD_TYPE', field: 'quantType' })
  })

  test('points at PerGroup when version 2 is given a group size', () => {
    expect(() => new Int8WeightOnlyConfig({ groupSize: 32 })).toThrow(/group_size is 32, .*PerGroup/)
  })
})

describe('a config that cannot be read is refused by name', () => {
  const data = '_data' as const
  test.each([
    ['no quant_type', { quant_type: undefined }, 'FIELD_MISSING', 'quant_type'],
    ['an unknown key', { bits: 4 }, 'FIELD_UNKNOWN', 'bits'],
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

describe('what can be read but not quantized with is refused while quantizing', () => {
  const weight = {
    path: 'layer',
    kind: 'linear',
    outFeatures: 4,
    inFeatures: 64,
    dtype: 'bfloat16',
  } as const

  test.each([
    ['version 1', new Int8WeightOnlyConfig({ version: 1 })],
    ['version 1', new Int8DynamicActivationInt8WeightConfig({ version: 1 })],
    ['version 1', new IntxWeightOnlyConfig({ version: 1 })],
    ['version 1', new Int4WeightOnlyConfig({ version: 1 })],
    ['TILE_PACKED_TO_4D', new Int4WeightOnlyConfig({ int4PackingFormat: 'TILE_PACKED_TO_4D' })],
    ['HQQ', new Int4WeightOnlyConfig({ int4ChooseQparamsAlgorithm: 'HQQ' })],
    ['odd group size 7', new Int4WeightOnlyConfig({ groupSize: 7 })],
    ['PLAIN_INT32', new Int4WeightOnlyConfig({ int4PackingFormat: 'PLAIN_INT32' })],
    ['version 1', new Int8DynamicActivationIntxWeightConfig({ version: 1 })],
    [
      'OPAQUE_ATEN_KLEIDIAI',
      new Int8DynamicActivationIntxWeightConfig({ intxPackingFormat: 'OPAQUE_ATEN_KLEIDIAI' }),
    ],
    ['OPAQUE_TORCHAO_AUTO', new IntxWeightOnlyConfig({ intxPackingFormat: 'OPAQUE_TORCHAO_AUTO' })],
    [
      'HQQ_SCALE_ONLY',
      new Int8DynamicActivationIntxWeightConfig({ intxChooseQparamsAlgorithm: 'HQQ_SCALE_ONLY' }),
    ],
    [
      'SYMMETRIC_NO_CLIPPING_ERR',
      new Int8DynamicActivationIntxWeightConfig({
        weightDtype: 'int1',
        weightGranularity: perAxis(),
        weightMappingType: 'SYMMETRIC_NO_CLIPPING_ERR',
      }),
    ],
  ])('%s', (what, config) => {
    const error = thrown(() => config.formatFor(weight))
    expect(CapabilityError.isInstance(error) && error.code).toBe('CONFIG_NOT_QUANTIZABLE')
    expect((error as Error).message).toContain(what)
  })
})
