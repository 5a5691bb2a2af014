import { describeQuantizer } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { CompressedTensorsConfig, compressedTensors, recipes } from './index.js'
import { golden } from './testing/golden.fixture.js'

const block = { quant_method: 'compressed-tensors' }
const groupsOf = (numBits: number, groupSize: number, symmetric = true) => ({
  group_0: { targets: ['Linear'], weights: { numBits, groupSize, symmetric } },
})
const config = (numBits: number, groupSize: number, symmetric = true) =>
  new CompressedTensorsConfig({ configGroups: groupsOf(numBits, groupSize, symmetric) })
const refused = (weights: object, more: object = {}) => ({
  ...{ ...block, ...more },
  config_groups: { group_0: { targets: ['Linear'], weights } },
})

describeQuantizer(compressedTensors, {
  configs: {
    'int4 in groups, with zero points': {
      ...{ config: config(4, 32, false), largestError: 0.075, bitsPerWeight: 4.9 },
    },
    'int8 with int8 activations': { config: recipes['ct-w8a8']!(), largestError: 0.005, bitsPerWeight: 8.3 },
  },
  skipping: (ignore) => new CompressedTensorsConfig({ configGroups: groupsOf(4, 32), ignore }),
  refused: {
    'no groups': block,
    'bits that no integer has': refused({ num_bits: 9 }),
    'bits that no float has': refused({ num_bits: 6, type: 'float' }),
    'heads of attention as regions': refused({ strategy: 'attn_head' }),
    'groups without a size': refused({ strategy: 'group' }),
    'scattered groups without groups': refused({ strategy: 'channel', actorder: 'group' }),
    'blocks without a size': refused({ type: 'float', strategy: 'block' }),
    'a pattern that is none': {
      ...{ ...block, config_groups: { group_0: { targets: ['re:(unclosed'], weights: { num_bits: 4 } } } },
    },
    'a preset that does not exist': { ...block, config_groups: { W9A16: ['Linear'] } },
    'weights that are left out': refused(
      { num_bits: 4 },
      { sparsity_config: { format: 'sparse-24-bitmask' } },
    ),
    'a sparse format': refused({ num_bits: 4 }, { format: 'marlin-24' }),
    rotations: refused({ num_bits: 4 }, { transform_config: { config_groups: { u: { type: 'hadamard' } } } }),
    'an unknown format': refused({ num_bits: 4 }, { format: 'zip' }),
    'an ignore list that is a text': refused({ num_bits: 4 }, { ignore: 'lm_head' }),
  },
  spellings: {
    'a preset in place of a scheme': {
      json: { ...block, config_groups: { W8A8: ['Linear'] } },
      means: recipes['ct-w8a8']!(),
    },
    'the block inside another one': {
      json: { ...block, quantization_config: { config_groups: { W4A16: ['Linear'] } } },
      means: new CompressedTensorsConfig(),
    },
    'a format of the file for its groups, and order as older releases wrote it': {
      json: {
        ...{ ...block, format: 'pack-quantized' },
        config_groups: {
          group_0: { targets: ['Linear'], weights: { num_bits: 8, group_size: 128, actorder: 'static' } },
        },
      },
      means: {
        config_groups: {
          group_0: {
            ...{ format: 'pack-quantized', input_activations: null, output_activations: null },
            targets: ['Linear'],
            weights: {
              ...{ actorder: 'weight', block_structure: null, dynamic: false, group_size: 128, num_bits: 8 },
              ...{ observer: 'minmax', observer_kwargs: {}, scale_dtype: null, strategy: 'group' },
              ...{ symmetric: true, type: 'int', zp_dtype: null },
            },
          },
        },
      },
    },
  },
  choices: {
    'a path goes before a pattern, that before a class': {
      config: new CompressedTensorsConfig({
        configGroups: {
          eight: { targets: ['Linear'], weights: { numBits: 8, strategy: 'channel' } },
          four: { targets: ['re:.*up', 're:.*layers.1'], weights: { numBits: 4, groupSize: 32 } },
          three: { targets: ['model.layers.1.up_proj'], weights: { numBits: 3, strategy: 'channel' } },
        },
        ignore: ['re:model\\.layers\\.0\\.down'],
      }),
      formats: {
        'model.layers.0.up_proj': 'int4',
        'model.layers.0.down_proj': null,
        'model.layers.1.up_proj': 'int3',
        'model.layers.1.down_proj': 'int4',
        lm_head: null,
      },
    },
  },
  frontDoor: AutoModelForCausalLM,
  published: { 'int4 in groups of 32 of Python': golden('tiny-llama-ct-w4a16') },
})
