import { CapabilityError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import {
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perAxis,
  recipes,
  refusedRecipes,
  torchao,
} from './index.js'
import { instance } from './testing/config-json.fixture.js'
import { noModules } from './testing/no-modules.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

const weight = { path: 'fc', kind: 'linear', outFeatures: 4, inFeatures: 64, dtype: 'bfloat16' } as const

describe('what can be read but not quantized with is refused while quantizing', () => {
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

describe('float8 is not made', () => {
  test.each([
    ['Float8WeightOnlyConfig', 'Int8DynamicActivationInt8WeightConfig'],
    ['Float8DynamicActivationFloat8WeightConfig', 'Int8DynamicActivationInt8WeightConfig'],
    ['Float8DynamicActivationInt4WeightConfig', 'Int4WeightOnlyConfig'],
    ['Int8DynamicActivationInt4WeightConfig', 'Int8DynamicActivationIntxWeightConfig'],
  ])('%s is refused with a reason, and %s is offered', (type, instead) => {
    const { quantType } = torchao.definition.config.parse({ quant_type: { default: instance(type) } })
    const error = thrown(() => quantType.formatFor(weight))
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'CONFIG_NOT_QUANTIZABLE',
      hint: expect.stringContaining(instead),
    })
  })

  test.each(Object.entries(refusedRecipes))('recipe %s says why, and what to use', (name, recipe) => {
    const error = thrown(recipe)
    expect(CapabilityError.isInstance(error) && error).toMatchObject({
      code: 'RECIPE_UNAVAILABLE',
      found: name,
    })
    expect((error as Error).message).toContain('not available on this runtime')
    expect(Object.keys(recipes).some((other) => (error as CapabilityError).hint?.includes(other))).toBe(true)
  })

  test('dynamic float8 activations are mentioned when such a checkpoint is loaded', () => {
    const config = torchao.definition.config.parse({
      quant_type: { default: { ...instance('Float8DynamicActivationFloat8WeightConfig'), _version: 2 } },
    })
    expect(torchao.definition.config.warnings!(config, noModules)).toEqual([
      expect.stringContaining('activations stay float'),
    ])
  })
})
