import { afterAll, describe, expect, test } from 'vitest'
import {
  FqnToConfig,
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perAxis,
  perGroup,
  perTensor,
  recipes,
  recoverConfig,
  type TorchAoBaseConfig,
  TorchAoConfig,
  torchao,
} from './index.js'
import { expectFormat } from './testing/run-format.fixture.js'
import { current, INT4, legacy, PACKED, weightAt } from './testing/stored-golden.fixture.js'

afterAll(() => Promise.all([current.close(), legacy.close()]))

describe('recoverConfig', () => {
  /** The checkpoint that a config makes of two weights. */
  function checkpointOf(quantType: TorchAoBaseConfig) {
    const config = new TorchAoConfig({ quantType })
    const tensors = [256, 384].flatMap((inFeatures) => {
      const weight = weightAt(`layer${inFeatures}`, inFeatures)
      const format = expectFormat(quantType.formatFor(weight))
      return format.components(weight).map(({ key, dtype, shape }) => ({
        name: `${weight.path}.${key}`,
        dtype,
        shape,
        quantized: { weight, format },
      }))
    })
    const metadata = torchao.definition.files!.metadata!(tensors, config.value)
    const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    return { metadata, tensors: stored as never }
  }

  test.each(Object.entries(recipes))(
    '%s: recipe, config, tensor and recovered config are one',
    (_name, recipe) => {
      const config = recipe()
      expect(torchao.parseConfig(config.toDict()).toDict()).toEqual(config.toDict())
      expect(recoverConfig(checkpointOf(config.value.quantType))!.toDict()).toEqual(config.toDict())
    },
  )

  test.each([
    new Int8WeightOnlyConfig({ granularity: perGroup(64) }),
    new Int8WeightOnlyConfig({ granularity: perTensor() }),
    new Int8DynamicActivationInt8WeightConfig({ actMappingType: 'ASYMMETRIC', reduceRange: true }),
    new Int8DynamicActivationInt8WeightConfig({ granularity: perTensor() }),
    new IntxWeightOnlyConfig({ weightDtype: 'int6' }),
    new IntxWeightOnlyConfig({ weightDtype: 'int3', granularity: perGroup(32) }),
    new Int4WeightOnlyConfig({ groupSize: 32 }),
  ] as const)('$className with other settings', (quantType) => {
    const recovered = recoverConfig(checkpointOf(quantType))!
    expect(recovered.toDict()).toEqual(new TorchAoConfig({ quantType }).toDict())
  })

  test('rows of different lengths are rows', () => {
    const quantType = new Int8DynamicActivationIntxWeightConfig({
      weightDtype: 'int8',
      weightGranularity: perAxis(),
    })
    const recovered = recoverConfig(checkpointOf(quantType))!
    expect(recovered.value.quantType.describe()).toBe(quantType.describe())
  })

  test('tensors that differ, here in the layout of release 0.14, come back as a config for each module', () => {
    const { quantType } = recoverConfig(legacy)!.value
    expect(quantType).toEqual(new FqnToConfig({ intx: INT4, int4: PACKED }))
  })

  test('a class that is not known here is named, unless its tensor is stored plainly', () => {
    const metadata = { tensor_names: '["fc.weight"]', 'fc.weight': '{"_type": "FutureTensor", "_data": {}}' }
    const tensor = { dtype: 'bfloat16', shape: [8, 64] } as const
    const parts = new Map([['fc._weight_qdata', tensor]])
    expect(() => recoverConfig({ metadata, tensors: parts })).toThrow(
      expect.objectContaining({
        code: 'TENSOR_CLASS_UNKNOWN',
        message: expect.stringContaining('FutureTensor'),
      }),
    )
    expect(recoverConfig({ metadata, tensors: new Map([['fc.weight', tensor]]) })).toBeUndefined()
  })

  test('an ordinary file has none; a class whose config no tensor shows is named, with advice', async () => {
    expect(recoverConfig({ metadata: { format: 'pt' }, tensors: new Map() })).toBeUndefined()
    expect(() => recoverConfig(current)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/Float8Tensor.*float8 recipes cannot be recovered/),
        hint: expect.stringContaining('quantization_config'),
      }),
    )
  })
})
