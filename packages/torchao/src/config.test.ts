import { readFile } from 'node:fs/promises'
import { ConfigError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import {
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  perGroup,
  recipes,
  TorchAoConfig,
  torchao,
} from './index.js'
import { block, INT8, INTX } from './testing/config-json.fixture.js'
import { goldenPath } from './testing/golden.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

const rebuilt = (json: object) => torchao.parseConfig({ ...json }).toDict()

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

  test.each([
    [{ modulesToNotConvert: 'lm_head' }, 'modules_to_not_convert'],
    [{ untieEmbeddingWeights: 'yes' }, 'untie_embedding_weights'],
    [{ replaceDefaults: 1 }, 'replaceDefaults'],
  ])('refuses %j by the name of the field', (options, field) => {
    const quantType = new Int8WeightOnlyConfig()
    expect(() => new TorchAoConfig({ quantType, ...options } as never)).toThrow(
      expect.objectContaining({ code: 'FIELD_TYPE', field }),
    )
  })

  test('refuses a quantType that is not a config', () => {
    const error = thrown(() => new TorchAoConfig({ quantType: 'int8_weight_only' as never }))
    expect(ConfigError.isInstance(error) && error).toMatchObject({ code: 'FIELD_TYPE', field: 'quantType' })
  })

  test('points at PerGroup when version 2 is given a group size', () => {
    expect(() => new Int8WeightOnlyConfig({ groupSize: 32 })).toThrow(/group_size is 32, .*PerGroup/)
  })
})
