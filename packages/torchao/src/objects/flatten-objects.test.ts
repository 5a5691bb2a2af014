import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Checkpoint,
  type FieldTensor,
  openCheckpoint,
  registerQuantizer,
  type StoredObject,
  type WeightInfo,
} from '@hfquant/core/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, torchao } from '../index.js'
import { goldenBytes, goldenPath, openGolden, storedContext } from '../testing/golden.fixture.js'
import { expectFormat } from '../testing/run-format.fixture.js'
import { choose, type FLOAT8 } from '../testing/stored-golden.fixture.js'
import { type Fields, flatten, object, settings, tensor } from '../testing/stored-object.fixture.js'

beforeAll(() => registerQuantizer(torchao))

const weightOnly = await openGolden('int8_weight_only.safetensors')
const dynamic = await openGolden('int8_dynamic_activation_int8_weight.safetensors')
afterAll(() => Promise.all([weightOnly.close(), dynamic.close()]))

/** The golden of a name as the weights of a folder. */
async function openPickled(name: string): Promise<Checkpoint> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-pickled-'))
  await symlink(goldenPath(`bin/${name}.bin`), join(folder, 'pytorch_model.bin'))
  try {
    return await openCheckpoint(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const weight: WeightInfo = {
  path: 'fc',
  kind: 'linear',
  outFeatures: 8,
  inFeatures: 64,
  dtype: 'bfloat16',
}

describe('a linear layer that torchao pickled', () => {
  test.each([
    ['int8_tensor_weight_only', weightOnly, 'bf16.per_row', 'qdata'],
    ['int8_tensor_dynamic_enum_by_value', dynamic, 'bf16.sym', 'w_qdata'],
    ['int8_tensor_dynamic_enum_by_name', dynamic, 'bf16.sym', 'w_qdata'],
    ['affine_v1_int8_weight_only', weightOnly, 'bf16.affine_v1', 'qdata'],
    ['affine_v1_int8_dynamic', dynamic, 'bf16.v1_sym', 'w_qdata'],
  ] as const)(
    '%s is read as the Int8Tensor with the codes and scales of the vectors',
    async (name, golden, prefix, codes) => {
      await using opened = await openPickled(name)
      const isDynamic = golden === dynamic
      const config = isDynamic ? new Int8DynamicActivationInt8WeightConfig() : new Int8WeightOnlyConfig()
      const format = expectFormat(await choose('fc', config, storedContext(opened, 'fc'), weight))
      expect(format.name).toBe(isDynamic ? 'int8 per row, dynamic int8 activations' : 'int8 per row')
      expect(await goldenBytes(opened, 'fc._weight_qdata')).toEqual(
        await goldenBytes(golden, `${prefix}.${codes}`),
      )
      const scale = `${prefix}.${codes.replace('qdata', 'scale')}`
      expect(await goldenBytes(opened, 'fc._weight_scale')).toEqual(await goldenBytes(golden, scale))
      expect(opened.tensors.get('fc._weight_scale')).toMatchObject({ shape: [8, 1] })
      for (const { key, dtype, shape } of format.components(weight)) {
        expect(opened.tensors.get(`fc.${key}`)).toMatchObject({ dtype, shape })
      }
      expect(opened.tensors.get('fc.bias')).toMatchObject({ dtype: 'bfloat16', shape: [8] })
    },
  )

  test('has the header that torchao writes into safetensors files', async () => {
    await using opened = await openPickled('int8_tensor_weight_only')
    expect(opened.metadata).toEqual({
      'fc.weight':
        '{"_type": "Int8Tensor", "_data": {"act_quant_kwargs": null, "reduce_range": false, "block_size": [1, 64], "dtype": {"_type": "torch.dtype", "_data": "bfloat16"}}, "_tensor_data_names": ["zero_point", "qdata", "scale"]}',
      'fc.bias': '{"_type": "Tensor"}',
      tensor_names: '["fc.weight", "fc.bias"]',
    })
  })
})

test('tensors of version 1 get a config of version 2, which describes what will be saved', async () => {
  await using opened = await openPickled('affine_v1_int8_dynamic')
  const block = { _type: 'Int8DynamicActivationInt8WeightConfig', _version: 1, _data: {} }
  const { value } = torchao.parseConfig({ quant_type: { default: block } }) as typeof FLOAT8
  const settled = torchao.definition.files!.rewrite!(value, opened)
  expect(settled!.quantType).toEqual(new Int8DynamicActivationInt8WeightConfig())
  await using current = await openPickled('int8_tensor_weight_only')
  expect(torchao.definition.files!.rewrite!(value, current)).toBeUndefined()
})

describe('the other classes', () => {
  const codes = { qdata: tensor('qdata', 'int8', [8, 64]) }

  test('int4 of 1 to 8 bits: sizes may be a tuple, the activation setting a member', async () => {
    const { document } = await flatten(
      object('torchao.quantization.IntxUnpackedToInt8Tensor', {
        ...codes,
        scale: tensor('scale', 'bfloat16', [8, 2]),
        zero_point: tensor('zero_point', 'int8', [8, 2]),
        target_dtype: { kind: 'dtype', name: 'int4' },
        block_size: [1, 32],
        activation_quantization: {
          kind: 'enum',
          className: 'x.IntxUnpackedToInt8TensorActivationQuantization',
          member: 'INT8_ASYM_PER_TOKEN',
          value: 'int8_asym_per_token',
        },
      }),
    )
    expect(document._data).toEqual({
      target_dtype: { _type: 'torch.dtype', _data: 'int4' },
      block_size: [1, 32],
      dtype: { _type: 'torch.dtype', _data: 'bfloat16' },
      activation_quantization: 'int8_asym_per_token',
    })
  })

  test('packed int4 and float8', async () => {
    const scales = {
      scale: tensor('scale', 'bfloat16', [2, 8]),
      zero_point: tensor('zero', 'bfloat16', [2, 8]),
    }
    const packed = { qdata: tensor('qdata', 'int8', [8, 32]), ...scales, block_size: [1, 32], shape: [8, 64] }
    expect((await flatten(object('torchao.quantization.Int4Tensor', packed))).document).toEqual({
      _type: 'Int4Tensor',
      _data: { block_size: [1, 32], shape: [8, 64] },
      _tensor_data_names: ['qdata', 'scale', 'zero_point'],
    })
    const float8 = object('torchao.quantization.Float8Tensor', {
      qdata: tensor('qdata', 'float8_e4m3fn', [8, 64]),
      scale: tensor('scale', 'float32', [8, 1]),
      block_size: [1, 64],
      mm_config: settings('torchao.float8.inference.Float8MMConfig', { emulate: false }),
      act_quant_kwargs: null,
      kernel_preference: { kind: 'enum', className: 'x.KernelPreference', member: 'AUTO', value: 'auto' },
    })
    expect((await flatten(float8)).document).toEqual({
      _type: 'Float8Tensor',
      _data: {
        block_size: [1, 64],
        mm_config: { _type: 'Float8MMConfig', _data: { emulate: false } },
        act_quant_kwargs: null,
        kernel_preference: { _type: 'KernelPreference', _data: 'AUTO' },
        dtype: { _type: 'torch.dtype', _data: 'bfloat16' },
      },
      _tensor_data_names: ['qdata', 'scale'],
    })
  })

  /** A weight of version 1. */
  const affine = (data: Fields, fields: Fields = {}, layout = 'torchao.dtypes.utils.PlainLayout') =>
    object('torchao.dtypes.affine_quantized_tensor.AffineQuantizedTensor', {
      tensor_impl: object('torchao.dtypes.uintx.plain_layout.PlainAQTTensorImpl', {
        int_data: tensor('int_data', 'int8', [8, 64]),
        scale: tensor('scale', 'float32', [8, 2]),
        zero_point: tensor('zero_point', 'int64', [8, 2]),
        _layout: settings(layout),
        ...data,
      }),
      block_size: [1, 32],
      quant_min: null,
      quant_max: null,
      ...fields,
    })
  const dynamicAffine = (inner: StoredObject<FieldTensor>, quantize: string, fields: Fields = {}) =>
    object('torchao.quantization.linear_activation_quantized_tensor.LinearActivationQuantizedTensor', {
      original_weight_tensor: inner,
      input_quant_func: { kind: 'function', name: `torchao.quantization.quant_api.${quantize}` },
      quant_kwargs: new Map(),
      ...fields,
    })
  const FOUR_BITS = { quant_min: -8, quant_max: 7 }

  test('int4 of version 1 is the class of 1 to 8 bits, and its config says so', async () => {
    const entry = dynamicAffine(affine({}, FOUR_BITS), '_int8_asymm_per_token_quant')
    const { document, tensors } = await flatten(entry)
    expect(document).toMatchObject({
      _type: 'IntxUnpackedToInt8Tensor',
      _data: { target_dtype: { _data: 'int4' }, activation_quantization: 'int8_asym_per_token' },
    })
    const zeros = tensors.find(({ name }) => name === 'fc._weight_zero_point')
    expect(zeros).toMatchObject({ dtype: 'int8', shape: [8, 2], source: { dtype: 'int64' } })
    const { value } = torchao.parseConfig({
      quant_type: {
        default: { _type: 'Int8DynamicActivationInt4WeightConfig', _version: 1, _data: { group_size: 32 } },
      },
    }) as typeof FLOAT8
    expect(value.quantType.storedAs(weight)).toContain(
      'IntxUnpackedToInt8Tensor of int4 with a scale for every 32',
    )
  })

  test.each([
    [
      'an opaque layout',
      object('torchao.quantization.IntxOpaqueTensor', codes),
      /stored as IntxOpaqueTensor/,
    ],
    [
      'preshuffled codes',
      object('torchao.quantization.Int4PreshuffledTensor', codes),
      /stored as Int4PreshuffledTensor/,
    ],
    [
      'an unknown class',
      object('torchao.quantization.NewTensor', codes),
      /NewTensor, a class that is not known here/,
    ],
    [
      'a tensor where settings belong',
      object('torchao.quantization.Int8Tensor', { ...codes, block_size: tensor('b', 'int64', [2]) }),
      /block_size/,
    ],
    [
      'a function where settings belong',
      object('torchao.quantization.Int8Tensor', { ...codes, block_size: { kind: 'function', name: 'f' } }),
      /block_size is "a function"/,
    ],
    [
      'an attribute that the class does not have',
      object('torchao.quantization.Int8Tensor', { ...codes, rotation: 'hadamard' }),
      /rotation is "hadamard"/,
    ],
    ['another layout of version 1', affine({}, {}, 'torchao.dtypes.TensorCoreTiledLayout'), /PlainLayout/],
    [
      'zero points of another shape, which could be fewer bytes than they are read as',
      affine({ zero_point: tensor('zero_point', 'int64', [0]) }),
      /zero points of another shape/,
    ],
    [
      'zero points without end',
      affine({
        scale: tensor('scale', 'float32', [2 ** 24]),
        zero_point: tensor('zero_point', 'int8', [2 ** 24]),
      }),
      /more than 8388608 zero points/,
    ],
    ['codes of no width', affine({}, { quant_min: -9 }), /quant_min and quant_max/],
    [
      'unknown rounding of activations',
      dynamicAffine(affine({}), '_int4_per_token'),
      /quantization of activations/,
    ],
    [
      'settings of the rounding',
      dynamicAffine(affine({}), '_int8_asymm_per_token_quant', { quant_kwargs: new Map([['eps', 1]]) }),
      /quantization of activations/,
    ],
    [
      'int4 with symmetric activations',
      dynamicAffine(affine({}, FOUR_BITS), '_int8_symm_per_token_reduced_range_quant'),
      /symmetric activations/,
    ],
  ])('%s is refused by name', async (_what, entry, message) => {
    await expect(flatten(entry)).rejects.toMatchObject({
      tensor: 'fc.weight',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    })
  })

  test('zero points of version 1 that are no zeros are refused', async () => {
    await expect(flatten(affine({}), Uint8Array.of(0, 0, 1))).rejects.toMatchObject({
      code: 'TENSOR_CLASS_UNSUPPORTED',
      message: expect.stringContaining('AffineQuantizedTensor with zero points'),
    })
  })

  test('a part that the class does not have is refused when the weight is read', async () => {
    const { document } = await flatten(
      object('torchao.quantization.Int8Tensor', {
        ...codes,
        scale: tensor('scale', 'float32', [8, 1]),
        act_pre_scale: tensor('act_pre_scale', 'float32', [64]),
        block_size: [1, 64],
      }),
    )
    expect(document._tensor_data_names).toEqual(['qdata', 'scale', 'act_pre_scale'])
  })
})
