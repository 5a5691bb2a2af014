import { describe, expect, test } from 'vitest'
import { ConfigError, EnvironmentError } from '../errors/families.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { AutoQuantizationConfig, AutoQuantizer } from './auto-quantizer.js'
import { defineQuantizer } from './define-quantizer.js'
import { knownMethods, registerLazyQuantizer, registerQuantizer } from './registry.js'

registerQuantizer(rowInt8)
const saved = { quant_method: 'row_int8', levels: 100, modules_to_not_convert: ['lm_head'] }

describe('merging the saved with the supplied configuration', () => {
  test('neither: the model is not quantized', async () => {
    expect(await AutoQuantizer.merge(null, undefined)).toBeUndefined()
  })

  test('supplied alone: the checkpoint is float', async () => {
    expect(await AutoQuantizer.merge(undefined, rowInt8({ levels: 63 }))).toMatchObject({
      method: 'row_int8',
      preQuantized: false,
      config: { value: { levels: 63 } },
    })
  })

  test('saved alone: nothing was overridden, nothing ignored', async () => {
    expect(await AutoQuantizer.merge(saved, null)).toMatchObject({
      preQuantized: true,
      overridden: [],
      ignored: [],
    })
  })

  test('both: the file decides, and what it overrules is listed', async () => {
    const merged = await AutoQuantizer.merge(saved, { quant_method: 'row_int8', levels: 63 })
    expect(merged).toMatchObject({ config: { value: { levels: 100 } }, ignored: ['levels'], overridden: [] })
  })

  test('both and equal: nothing to report', async () => {
    expect(await AutoQuantizer.merge(saved, { quant_method: 'row_int8', levels: 100 })).toMatchObject({
      ignored: [],
    })
  })

  test('fields that the caller did not set do not count', async () => {
    expect(await AutoQuantizer.merge(saved, rowInt8())).toMatchObject({
      ignored: [],
      config: { value: { levels: 100 } },
    })
  })

  test('another method is refused, with both names', async () => {
    registerLazyQuantizer({
      quantMethod: 'other',
      packageName: 'x',
      load: async () => ({ ...rowInt8, quantMethod: 'other' }),
    })
    await expect(AutoQuantizer.merge({ quant_method: 'other' }, rowInt8())).rejects.toMatchObject({
      code: 'QUANT_METHOD_CONFLICT',
      message: expect.stringMatching(/"other".*"row_int8"/),
    })
  })

  test('a saved method that nobody knows is said to be unknown, whatever is asked for', async () => {
    await expect(AutoQuantizer.merge({ quant_method: 'frob' }, rowInt8())).rejects.toMatchObject({
      code: 'QUANT_METHOD_UNKNOWN',
      message: expect.stringContaining('frob'),
    })
  })

  test.each([[3], ['int8'], [[1]], [{}], [{ quant_method: 4 }]])(
    '%j is no configuration',
    async (supplied) => {
      await expect(AutoQuantizer.merge(undefined, supplied as never)).rejects.toThrow(ConfigError)
    },
  )
})

describe('loading attributes', () => {
  const definition = {
    ...rowInt8.definition,
    quantMethod: 'tunable',
    config: { ...rowInt8.definition.config, loading: ['levels'] },
  }
  registerQuantizer(defineQuantizer(definition))

  test('may be changed while loading', async () => {
    const merged = await AutoQuantizer.merge(
      { ...saved, quant_method: 'tunable' },
      {
        quant_method: 'tunable',
        levels: 63,
        modules_to_not_convert: [],
      },
    )
    expect(merged).toMatchObject({
      config: { value: { levels: 63, keepInFloat: ['lm_head'] } },
      overridden: ['levels'],
      ignored: ['modules_to_not_convert'],
    })
  })
})

describe('finding a backend', () => {
  test('an unknown method is an error that lists the known ones, never a float model', async () => {
    await expect(AutoQuantizationConfig.fromDict({ quant_method: 'nonsense' })).rejects.toMatchObject({
      code: 'QUANT_METHOD_UNKNOWN',
      message: expect.stringContaining('row_int8'),
      hint: expect.stringContaining('hfquant-backend-nonsense'),
    })
  })

  test('a name that is no package name is not even looked for', async () => {
    await expect(AutoQuantizationConfig.fromDict({ quant_method: '../evil' })).rejects.toMatchObject({
      code: 'QUANT_METHOD_UNKNOWN',
    })
  })

  test('a known method whose package is absent says how to install it', async () => {
    const packageName = '@hfquant/absent'
    const load = () => import(packageName)
    registerLazyQuantizer({ quantMethod: 'absent', packageName, load })
    const finding = AutoQuantizationConfig.fromDict({ quant_method: 'absent' })
    await expect(finding).rejects.toThrow(EnvironmentError)
    await expect(finding).rejects.toMatchObject({ hint: 'npm install @hfquant/absent' })
  })

  test('a configuration may be claimed whatever its quant_method says', async () => {
    const claims = (json: object) => 'old_flag' in json
    registerLazyQuantizer({ quantMethod: 'claiming', packageName: 'x', load: async () => rowInt8, claims })
    expect(await AutoQuantizationConfig.fromDict({ old_flag: true })).toMatchObject({
      quantMethod: 'row_int8',
    })
  })

  test('tensors of a registered plug-in are recognized where config.json says nothing', async () => {
    const tensors = new Map([['fc.marked_codes', { dtype: 'int8', shape: [4] }]] as const)
    expect(await AutoQuantizer.detect({ metadata: {}, tensors })).toBeUndefined()
    const marked = defineQuantizer({
      ...{ specVersion: 2, quantMethod: 'marked', config: { parse: () => ({}), format: () => ({}) } },
      formatFor: () => ({ skip: 'is not looked at here' }),
      files: { recover: (headers) => (headers.tensors.has('fc.marked_codes') ? {} : undefined) },
    })
    registerQuantizer(marked)
    expect(await AutoQuantizer.detect({ metadata: {}, tensors })).toEqual({ quant_method: 'marked' })
    expect(await AutoQuantizer.detect({ metadata: {}, tensors: new Map() })).toBeUndefined()
  })

  test.each([undefined, {}, rowInt8.definition])('what is no backend is not registered', (value) => {
    expect(() => registerQuantizer(value as never)).toThrow(
      expect.objectContaining({ name: 'ConfigError', code: 'QUANTIZER_INVALID' }),
    )
  })

  test('the same name cannot be registered twice', () => {
    expect(() => registerQuantizer({ ...rowInt8 })).toThrow(
      expect.objectContaining({ code: 'QUANTIZER_DUPLICATE' }),
    )
    expect(() => registerQuantizer(rowInt8)).not.toThrow()
    expect(knownMethods()).toContain('row_int8')
  })
})
