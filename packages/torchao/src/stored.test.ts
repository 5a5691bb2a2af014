import {
  CapabilityError,
  type Checkpoint,
  CheckpointError,
  type FormatContext,
  type QuantizedFormat,
  type Skip,
  type StoredTensor,
  type WeightInfo,
} from '@hfquant/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  perAxis,
  perGroup,
  recipes,
  recoverConfig,
  TorchAoConfig,
  torchao,
} from './index.js'
import { goldenBytes, goldenFloats, openGolden, storedContext } from './testing/golden.fixture.js'
import { dequantizeBothWays, expectFormat } from './testing/run-format.fixture.js'

const INT8 = new Int8WeightOnlyConfig()
const INT4 = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })

let current: Checkpoint
let legacy: Checkpoint
let int8Numbers: Checkpoint
let int4Numbers: Checkpoint
beforeAll(async () => {
  current = await openGolden('layout/current.safetensors')
  legacy = await openGolden('layout/legacy_0_14.safetensors')
  int8Numbers = await openGolden('int8_weight_only.safetensors')
  int4Numbers = await openGolden('intx_weight_only.safetensors')
})
afterAll(() =>
  Promise.all([current, legacy, int8Numbers, int4Numbers].map((checkpoint) => checkpoint.close())),
)

const weightAt = (path: string, inFeatures = 64): WeightInfo => ({
  path,
  kind: 'linear',
  outFeatures: 8,
  inFeatures,
  dtype: 'bfloat16',
})

const choose = async (
  path: string,
  quantType: Int8WeightOnlyConfig | Int8DynamicActivationIntxWeightConfig,
  context: FormatContext = storedContext(current, path),
  weight: WeightInfo = weightAt(path),
): Promise<QuantizedFormat | Skip> =>
  torchao.definition.formatFor(weight, new TorchAoConfig({ quantType }).value, context)

async function partsAt(path: string, names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const bytes = await Promise.all(names.map((name) => goldenBytes(current, `${path}.${name}`)))
  return new Map(names.map((name, i) => [name, bytes[i]!]))
}

describe('a file of torchao', () => {
  test('Int8Tensor: components as stored, float32 scales, values of the reference', async () => {
    const weight = weightAt('int8_wo')
    const format = expectFormat(await choose('int8_wo', INT8))
    expect(format.name).toBe('int8 per row')
    expect(format.components(weight)).toEqual([
      { key: '_weight_qdata', dtype: 'int8', shape: [8, 64] },
      { key: '_weight_scale', dtype: 'float32', shape: [8, 1] },
      { key: '_weight_zero_point', dtype: 'int8', shape: [8, 1] },
    ])
    expect(format.quantize ?? format.quantizeKernel).toBeUndefined()
    const parts = await partsAt('int8_wo', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    expect(formula).toEqual(await goldenFloats(int8Numbers, 'bf16.per_row.dequant_f32'))
    expect(kernel).toEqual(formula)
  })

  test('Int8Tensor of release 0.16: no zero point, scales in bfloat16', async () => {
    const weight = weightAt('int8_no_zp')
    const format = expectFormat(await choose('int8_no_zp', INT8))
    expect(format.components(weight)).toEqual([
      { key: '_weight_qdata', dtype: 'int8', shape: [8, 64] },
      { key: '_weight_scale', dtype: 'bfloat16', shape: [8, 1] },
    ])
    const parts = await partsAt('int8_no_zp', ['_weight_qdata', '_weight_scale'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    expect(formula).toEqual(await goldenFloats(int8Numbers, 'bf16.per_row_v0_15.dequant_f32'))
    expect(kernel).toEqual(formula)
  })

  test('IntxUnpackedToInt8Tensor: int4 in groups of 32', async () => {
    const weight = weightAt('intx')
    const format = expectFormat(await choose('intx', INT4))
    expect(format.name).toBe('int4 per group of 32')
    const parts = await partsAt('intx', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    const rounded = await goldenFloats(int4Numbers, 'bf16.int4_g32_sym.dequant')
    for (const [i, value] of formula.entries()) {
      expect(Math.abs(value - rounded[i]!)).toBeLessThanOrEqual(Math.abs(value) / 256)
    }
    expect(kernel).toEqual(formula)
  })

  test('its documents are written as they were read', async () => {
    const entries = await Promise.all(
      [['int8_wo', INT8] as const, ['int8_no_zp', INT8] as const, ['intx', INT4] as const].map(
        async ([path, config]) => {
          const weight = weightAt(path)
          const format = expectFormat(await choose(path, config))
          return format.components(weight).map(({ key, dtype, shape }) => ({
            name: `${path}.${key}`,
            dtype,
            shape,
            quantized: { weight, format },
          }))
        },
      ),
    )
    const written = torchao.definition.checkpointMetadata!(
      entries.flat(),
      new TorchAoConfig({ quantType: INT8 }).value,
    )
    for (const path of ['int8_wo', 'int8_no_zp', 'intx']) {
      expect(written[`${path}.weight`]).toBe(current.metadata[`${path}.weight`])
    }
  })

  test('a weight stored in float stays as it is', async () => {
    const context: FormatContext = {
      ...storedContext(current, 'norm'),
      stored: {
        tensors: new Map([
          ['weight', { dtype: 'bfloat16', shape: [8, 64] }],
          ['extra', { dtype: 'float32', shape: [1] }],
        ]),
        read: async () => new Uint8Array(),
      },
    }
    expect(await choose('norm', INT8, context)).toEqual({ skip: 'is stored in float' })
  })

  test('names of a bare base model are found although the model has a prefix', async () => {
    const context = storedContext(current, 'int8_wo')
    const format = expectFormat(await choose('model.int8_wo', INT8, context))
    expect(format.name).toBe('int8 per row')
  })
})

describe('what cannot be loaded is refused by class', () => {
  test.each([
    ['int8_dyn', 'Int8DynamicActivationInt8WeightConfig'],
    ['int4', 'Int4Tensor'],
    ['float8', 'Float8Tensor'],
  ])('%s', async (path, name) => {
    const error = await choose(path, INT8).catch((thrown: unknown) => thrown)
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_CLASS_UNSUPPORTED',
      tensor: `${path}.weight`,
    })
    expect((error as Error).message).toContain(name)
  })

  test('the spelling of release 0.14', async () => {
    const error = await choose('intx', INT4, storedContext(legacy, 'intx')).catch((thrown: unknown) => thrown)
    expect(CapabilityError.isInstance(error) && error.message).toContain('0.14')
  })

  const rewritten = (change: (json: Record<string, Record<string, unknown>>) => void): FormatContext => {
    const document = JSON.parse(current.metadata['int8_wo.weight']!)
    change(document)
    const metadata = { ...current.metadata, 'int8_wo.weight': JSON.stringify(document) }
    return { ...storedContext(current, 'int8_wo'), metadata }
  }

  test.each([
    [
      'one scale for the whole weight',
      'PerTensor',
      (json) => Object.assign(json._data!, { block_size: [8, 64] }),
    ],
    [
      'a scale for the activations',
      'act_pre_scale',
      (json) => (json._tensor_data_names as unknown as string[]).push('act_pre_scale'),
    ],
  ] satisfies [string, string, (json: Record<string, Record<string, unknown>>) => void][])(
    '%s',
    async (_name, word, change) => {
      const error = await choose('int8_wo', INT8, rewritten(change)).catch((thrown: unknown) => thrown)
      expect(CapabilityError.isInstance(error) && error.message).toContain(word)
    },
  )

  test.each([
    ['a group that does not divide the row', 'block_size', { block_size: [1, 48] }],
    ['a dtype that no model has', 'dtype', { dtype: { _type: 'torch.dtype', _data: 'int8' } }],
    ['an attribute that the class lacks', 'surprise', { surprise: 1 }],
    ['a reduce_range that is no flag', 'reduce_range', { reduce_range: 'no' }],
    ['a type that is not torchao’s', 'os.system', { dtype: { _type: 'os.system', _data: 'true' } }],
  ])('%s', async (_name, word, change) => {
    const context = rewritten((json) => Object.assign(json._data!, change))
    const error = await choose('int8_wo', INT8, context).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error).toMatchObject({
      code: 'TENSOR_DOCUMENT_INVALID',
      tensor: 'int8_wo.weight',
    })
    expect((error as Error).message).toContain(word)
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
      'int8 [8,64]',
    ],
    [
      'too few scales',
      changed.bind(null, { _weight_scale: { shape: [8, 1] } }),
      'TENSOR_MISMATCH',
      'float16 [8,2]',
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
    ['another width', 'intx', new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int3' }), 'int4'],
  ])('a config that says otherwise: %s', async (_name, path, config, found) => {
    const error = await choose(path, config).catch((thrown: unknown) => thrown)
    expect(CheckpointError.isInstance(error) && error.code).toBe('CONFIG_CONTRADICTS_TENSORS')
    expect((error as Error).message).toContain(config.describe())
    expect((error as Error).message).toContain(found)
  })

  test('a row that is one group is either', async () => {
    const config = new Int8WeightOnlyConfig({ granularity: perGroup(64) })
    expect(expectFormat(await choose('int8_wo', config)).name).toBe('int8 per row')
  })
})

describe('recoverConfig', () => {
  test.each(Object.entries(recipes))('%s: what a recipe writes tells the recipe', (_name, recipe) => {
    const config = recipe()
    const tensors = [64, 96].flatMap((inFeatures) => {
      const weight = weightAt(`layer${inFeatures}`, inFeatures)
      const format = expectFormat(config.value.quantType.formatFor(weight))
      return format.components(weight).map(({ key, dtype, shape }) => ({
        name: `${weight.path}.${key}`,
        dtype,
        shape,
        quantized: { weight, format },
      }))
    })
    const metadata = torchao.definition.checkpointMetadata!(tensors, config.value)
    const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    expect(recoverConfig({ metadata, tensors: stored as never })!.toDict()).toEqual(config.toDict())
  })

  test('rows of different lengths are rows', () => {
    const quantType = new Int8DynamicActivationIntxWeightConfig({
      weightDtype: 'int8',
      weightGranularity: perAxis(),
    })
    const tensors = [64, 96].map((inFeatures) => {
      const weight = weightAt(`layer${inFeatures}`, inFeatures)
      const format = expectFormat(quantType.formatFor(weight))
      return {
        name: `${weight.path}._weight_qdata`,
        dtype: 'int8',
        shape: [8, inFeatures],
        quantized: { weight, format },
      } as const
    })
    const { value } = new TorchAoConfig({ quantType })
    const metadata = torchao.definition.checkpointMetadata!(tensors, value)
    const recovered = recoverConfig({ metadata, tensors: new Map() })!
    expect(recovered.value.quantType.describe()).toBe(quantType.describe())
  })

  test('an ordinary file has none; a class that cannot be loaded is named', async () => {
    expect(recoverConfig({ metadata: { format: 'pt' }, tensors: new Map() })).toBeUndefined()
    expect(() => recoverConfig(current)).toThrow(/Int8DynamicActivationInt8WeightConfig/)
  })
})
