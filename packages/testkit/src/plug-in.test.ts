import {
  AutoQuantizationConfig,
  AutoQuantizer,
  ConfigError,
  defineQuantizer,
  type HfQuantizer,
  type QuantizationConfig,
  type QuantizerBackend,
  registerQuantizer,
} from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { conformanceChecks, runConformance } from './index.js'
import { roundToNearest, roundToNearestDefinition } from './testing/round-to-nearest.fixture.js'

test('a plug-in that is registered is found by the name in config.json (row 36)', async () => {
  registerQuantizer(roundToNearest)
  const json = { quant_method: 'round_to_nearest', levels: 15 }
  const config = await AutoQuantizationConfig.fromDict(json)
  expect(config.toDict()).toMatchObject(json)
  const merged = await AutoQuantizer.merge(json, undefined)
  expect(merged).toMatchObject({ method: 'round_to_nearest', backend: roundToNearest, preQuantized: true })
})

test('a method that nobody provides is an error with the known ones, never a float model (row 36)', async () => {
  const merging = AutoQuantizer.merge({ quant_method: 'no_such_method' }, undefined)
  await expect(merging).rejects.toSatisfy(
    (error) => ConfigError.isInstance(error) && error.message.includes('round_to_nearest'),
  )
})

test('the suite runs without a test runner, and gives the checks that fail', async () => {
  const options = {
    configs: { 'int8 per row': { config: roundToNearest(), largestError: 1e-9, bitsPerWeight: 8 } },
  }
  const failed = await runConformance(roundToNearest, options)
  expect(failed.map(({ check }) => check.title)).toEqual([
    'int8 per row: restored weights are close to the original ones, in every precision (row 13)',
    'int8 per row: rows of zeros, tiny and huge numbers are restored as such',
    'int8 per row: a wide layer is as small as promised, and making it takes little memory (row 2)',
  ])
})

describe('a method that cannot do everything', () => {
  const titles = (backend: QuantizerBackend) =>
    conformanceChecks(backend, { configs: { one: { config: backend.parseConfig({}) } } }).map(
      ({ title }) => title,
    )

  test('is not asked to quantize when it needs calibration, and has to refuse', async () => {
    const backend = limited('needs_calibration', { requiresCalibration: true })
    expect(titles(backend)).not.toContainEqual(expect.stringContaining('restored weights'))
    expect(titles(backend)).toContainEqual(expect.stringContaining('refuses where it says that it does'))
    expect(await runConformance(backend, { configs: { one: { config: backend.parseConfig({}) } } })).toEqual(
      [],
    )
  })

  test('is not asked to save when it is not serializable, and has to refuse', async () => {
    const backend = limited('not_serializable', { isSerializable: false })
    expect(titles(backend)).not.toContainEqual(expect.stringContaining('a saved model'))
    expect(titles(backend)).toContainEqual(expect.stringContaining('refuses where it says that it cannot'))
    expect(await runConformance(backend, { configs: { one: { config: backend.parseConfig({}) } } })).toEqual(
      [],
    )
  })
})

/** Round to nearest with a quantizer that says less of itself. */
function limited(quantMethod: string, flags: Partial<HfQuantizer>): QuantizerBackend {
  const backend = defineQuantizer({ ...roundToNearestDefinition, quantMethod })
  const create = backend.create.bind(backend)
  return Object.assign(backend, {
    create: (config: QuantizationConfig, preQuantized: boolean) =>
      Object.assign(create(config, preQuantized), flags),
  })
}
