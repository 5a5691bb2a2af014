import { ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { enumeration, instance, ROW } from './testing/config-json.fixture.js'
import { describeOf, formOf, rebuilt } from './testing/quant-type.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

const dtype = (name: string) => enumeration('torch.dtype', name)
const SYMMETRIC = enumeration('MappingType', 'SYMMETRIC')

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
