import { CapabilityError, CheckpointError, type FormatContext, type StoredTensor } from '@hfquant/core'
import { afterAll, describe, expect, test } from 'vitest'
import {
  FqnToConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perGroup,
} from './index.js'
import { storedContext } from './testing/golden.fixture.js'
import { expectFormat } from './testing/run-format.fixture.js'
import {
  choose,
  current,
  DYNAMIC,
  INT4,
  INT8,
  legacy,
  PACKED,
  weightAt,
} from './testing/stored-golden.fixture.js'

afterAll(() => Promise.all([current.close(), legacy.close()]))

describe('what cannot be loaded is refused by class', () => {
  test.each([
    ['Int4TilePackedTo4dTensor', 'plain packing'],
    ['Int4PreshuffledTensor', 'plain packing'],
    ['Int4PlainInt32Tensor', 'plain packing'],
    ['IntxOpaqueTensor', 'UNPACKED_TO_INT8'],
    ['NVFP4Tensor', 'supported configs'],
    ['AffineQuantizedTensor', '.bin'],
  ])('%s', async (name, advice) => {
    const context = rewritten((json) => Object.assign(json, { _type: name }))
    const error = await choose('int8_wo', INT8, context).catch((thrown: unknown) => thrown)
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_CLASS_UNSUPPORTED',
      tensor: 'int8_wo.weight',
      hint: expect.stringContaining(advice),
    })
    expect((error as Error).message).toContain(name)
  })

  const rewritten = (change: (json: Record<string, Record<string, unknown>>) => void): FormatContext => {
    const document = JSON.parse(current.metadata['int8_wo.weight']!)
    change(document)
    const metadata = { ...current.metadata, 'int8_wo.weight': JSON.stringify(document) }
    return { ...storedContext(current, 'int8_wo'), metadata }
  }

  test('a class that is newer than this package', async () => {
    const context = rewritten((json) => Object.assign(json, { _type: 'FutureTensor' }))
    const error = await choose('int8_wo', INT8, context).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_CLASS_UNKNOWN',
      tensor: 'int8_wo.weight',
      file: expect.stringMatching(/\.safetensors$/),
      message: expect.stringContaining('FutureTensor'),
      hint: expect.stringContaining('--quantize'),
    })
  })

  test.each(['act_pre_scale', 'act_quant_scale', 'act_quant_zero_point'])(
    'activations with a stored %s',
    async (part) => {
      const context = rewritten((json) => {
        ;(json._tensor_data_names as unknown as string[]).push(part)
      })
      const error = await choose('int8_wo', INT8, context).catch((thrown: unknown) => thrown)
      expect(CapabilityError.isInstance(error) && error.message).toContain(`Int8Tensor with "${part}"`)
    },
  )

  test('more documents than names', async () => {
    const context = storedContext(current, 'int8_wo')
    const metadata = { ...context.metadata, 'unlisted.weight': '{"_type": "Tensor"}', note: 'not a document' }
    const error = await choose('int8_wo', INT8, { ...context, metadata }).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_DOCUMENT_INVALID',
      tensor: 'unlisted.weight',
    })
  })

  test.each([
    ['a group that does not divide the row', 'block_size', { block_size: [1, 48] }],
    ['a dtype that no model has', 'dtype', { dtype: { _type: 'torch.dtype', _data: 'int8' } }],
    ['an attribute that the class lacks', 'surprise', { surprise: 1 }],
    ['a reduce_range that is no flag', 'reduce_range', { reduce_range: 'no' }],
    [
      'activation settings of another class',
      'act_quant_kwargs',
      { act_quant_kwargs: { _type: 'PerRow', _data: {} } },
    ],
    [
      'activations with a scale for each group',
      'granularity',
      {
        act_quant_kwargs: {
          _type: 'QuantizeTensorToInt8Kwargs',
          _data: { granularity: { _type: 'PerGroup', _data: { group_size: 8 } } },
        },
      },
    ],
    ['a type that is not torchao’s', 'os.system', { dtype: { _type: 'os.system', _data: 'true' } }],
  ])('%s', async (_name, word, change) => {
    const context = rewritten((json) => Object.assign(json._data!, change))
    const error = await choose('int8_wo', INT8, context).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_DOCUMENT_INVALID',
      tensor: 'int8_wo.weight',
      file: expect.stringMatching(/model\.safetensors$/),
    })
    for (const part of ['model.safetensors', word]) expect((error as Error).message).toContain(part)
  })

  test.each([
    ['another shape', { shape: [8, 128] }, 'shape'],
    ['groups that begin within a byte', { block_size: [1, 1] }, 'block_size'],
  ])('Int4Tensor of %s', async (_name, change, word) => {
    const document = JSON.parse(current.metadata['int4.weight']!)
    Object.assign(document._data, change)
    const metadata = { ...current.metadata, 'int4.weight': JSON.stringify(document) }
    const context = { ...storedContext(current, 'int4'), metadata }
    const error = await choose('int4', PACKED, context, weightAt('int4', 256)).catch(
      (thrown: unknown) => thrown,
    )
    expect(CheckpointError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_DOCUMENT_INVALID',
      field: word,
    })
  })

  test('a header that torchao did not write', async () => {
    const { tensor_names: _, ...metadata } = current.metadata
    const error = await choose('int8_wo', INT8, { ...storedContext(current, 'int8_wo'), metadata }).catch(
      (thrown: unknown) => thrown,
    )
    expect(CheckpointError.isInstance(error) && error.code).toBe('TENSOR_DOCUMENT_MISSING')
  })
})

describe('parts that do not fit', () => {
  const changed = (tensors: Record<string, Partial<StoredTensor> | undefined>, bytes?: Uint8Array) => {
    const context = storedContext(current, 'intx')
    const merged = new Map(context.stored!.tensors)
    for (const [key, change] of Object.entries(tensors)) {
      if (change === undefined) merged.delete(key)
      else merged.set(key, { ...merged.get(key)!, ...change })
    }
    const read = async (key: string) =>
      bytes !== undefined && key in tensors ? bytes : context.stored!.read(key)
    return { ...context, stored: { tensors: merged, read } }
  }

  test.each([
    ['a missing part', changed.bind(null, { _weight_scale: undefined }), 'TENSOR_MISSING', '_weight_scale'],
    [
      'codes of another width',
      changed.bind(null, { _weight_qdata: { dtype: 'uint8' } }),
      'TENSOR_MISMATCH',
      'int8 [8, 64]',
    ],
    [
      'too few scales',
      changed.bind(null, { _weight_scale: { shape: [8, 1] } }),
      'TENSOR_MISMATCH',
      'float16 [8, 2]',
    ],
    [
      'a scale of infinity',
      changed.bind(
        null,
        { _weight_scale: {} },
        new Uint8Array(Uint16Array.from({ length: 16 }, () => 0x7f80).buffer),
      ),
      'TENSOR_NOT_FINITE',
      'Infinity',
    ],
    [
      'a zero point outside of the codes',
      changed.bind(null, { _weight_zero_point: {} }, new Uint8Array(16).fill(8)),
      'CODE_OUT_OF_RANGE',
      '-8 to 7',
    ],
  ])('%s', async (_name, context, code, word) => {
    const error = await choose('intx', INT4, context()).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error.code).toBe(code)
    expect((error as Error).message).toContain(word)
  })

  test.each([
    ['int8 for int4', 'intx', INT8, 'IntxUnpackedToInt8Tensor of int4'],
    ['int4 for int8', 'int8_wo', INT4, 'Int8Tensor'],
    [
      'another group size',
      'intx',
      new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4', weightGranularity: perGroup(64) }),
      'every 32',
    ],
    ['float activations for int8 ones', 'int8_dyn', INT8, 'PerRow SYMMETRIC'],
    ['int8 activations for float ones', 'int8_wo', DYNAMIC, 'Int8Tensor'],
    [
      'asymmetric activations for symmetric ones',
      'int8_dyn',
      new Int8DynamicActivationInt8WeightConfig({ actMappingType: 'ASYMMETRIC' }),
      'SYMMETRIC',
    ],
    [
      'float activations of int4',
      'intx',
      new IntxWeightOnlyConfig({ weightDtype: 'int4', granularity: perGroup(32) }),
      'int8_asym_per_token',
    ],
    [
      'an entry of FqnToConfig',
      'int8_wo',
      new FqnToConfig({ int8_wo: new Int8WeightOnlyConfig({ granularity: perGroup(32) }) }),
      'every 64',
    ],
    ['another width', 'intx', new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int3' }), 'int4'],
  ])('a config that says otherwise: %s', async (_name, path, config, found) => {
    const error = await choose(path, config).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error.code).toBe('CONFIG_CONTRADICTS_TENSORS')
    const named = config instanceof FqnToConfig ? 'PerGroup(32)' : config.describe()
    expect((error as Error).message).toContain(named)
    expect((error as Error).message).toContain(found)
  })

  test('a row that is one group is either', async () => {
    const config = new Int8WeightOnlyConfig({ granularity: perGroup(64) })
    expect(expectFormat(await choose('int8_wo', config)).name).toBe('int8 per row')
  })
})
