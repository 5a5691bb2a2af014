import { fileURLToPath } from 'node:url'
import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import {
  FqnToConfig,
  Int4WeightOnlyConfig,
  Int8WeightOnlyConfig,
  recipes,
  TorchAoConfig,
  torchao,
} from './index.js'

const INT8 = new Int8WeightOnlyConfig()
const INT4 = new Int4WeightOnlyConfig({ groupSize: 32 })
const golden = (name: string) =>
  fileURLToPath(new URL(`../../../goldens/torchao/tiny-llama/${name}`, import.meta.url))

describeQuantizer(torchao, {
  configs: {
    'int8 weights': { config: recipes['int8-weight-only']!(), largestError: 0.005, bitsPerWeight: 8.1 },
    'int8 weights and activations': {
      config: recipes['int8-dynamic-act-int8-weight']!(),
      largestError: 0.005,
    },
    'int4 weights, int8 activations': {
      config: recipes['int8-dynamic-act-int4-weight']!(),
      largestError: 0.1,
    },
    'int4 weights': { config: new TorchAoConfig({ quantType: INT4 }), largestError: 0.1, bitsPerWeight: 5.1 },
  },
  embeddings: new TorchAoConfig({ quantType: INT8, includeInputOutputEmbeddings: true }),
  refused: {
    'a scheme that does not exist (row 30)': { quant_method: 'torchao', quant_type: 'int3_weight_only' },
    'an argument that its scheme does not have (row 30)': {
      ...{ quant_method: 'torchao', quant_type: 'int8_weight_only' },
      quant_type_kwargs: { group_sizes: 32 },
    },
    'a config class of another version (row 30)': {
      ...{ quant_method: 'torchao' },
      quant_type: { default: { _type: 'Int4WeightOnlyConfig', _version: 99, _data: {} } },
    },
  },
  spellings: {
    'a scheme by its old name, and writes the object (rows 29, 30)': {
      json: {
        quant_method: 'torchao',
        quant_type: 'int4_weight_only',
        quant_type_kwargs: { group_size: 64 },
      },
      means: {
        quant_type: {
          default: {
            ...{ _type: 'Int4WeightOnlyConfig', _version: 1 },
            _data: {
              ...{ group_size: 64, set_inductor_config: true, int4_tile_packed_ntile: 8 },
              int4_packing_format: { _type: 'Int4PackingFormat', _data: 'PLAIN' },
              int4_choose_qparams_algorithm: { _type: 'Int4ChooseQParamsAlgorithm', _data: 'TINYGEMM' },
            },
          },
        },
      },
    },
  },
  choices: {
    'an exact parameter goes before an exact module, that before a pattern, and _default comes last (row 31)':
      {
        config: new TorchAoConfig({
          quantType: new FqnToConfig({
            _default: INT8,
            're:model\\.layers\\.\\d': INT4,
            're:.*\\.down_proj': INT4,
            'model.layers.0.up_proj': null,
            'model.layers.1.down_proj.weight': INT8,
            'model.layers.1.down_proj': null,
          }),
        }),
        formats: {
          'model.layers.0.up_proj': null,
          'model.layers.0.down_proj': 'int4',
          'model.layers.1.up_proj': 'int8',
          'model.layers.1.down_proj': 'int8',
          lm_head: null,
        },
      },
  },
  frontDoor: AutoModelForCausalLM,
  published: {
    torchao: golden('int8-weight-only'),
    'torchao, in shards': golden('int8-weight-only-sharded'),
  },
})
