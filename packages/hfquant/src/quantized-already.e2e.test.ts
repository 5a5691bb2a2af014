import { writeFileSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Int8WeightOnlyConfig, TorchAoConfig } from '@hfquant/torchao'
import { describe, expect, test } from 'vitest'
import { quantizeModel, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { float, int8, load, parent, said, saved } from './testing/quantize.fixture.js'

describe('a model that is quantized already', () => {
  const already = expect.stringContaining('is quantized with "torchao" already, as asked')

  test('may be asked for in the same way, which changes nothing and is said once', async () => {
    await using plain = await load(int8)
    expect(said).toEqual([])
    await using asked = await load(int8, { quantize: 'int8' })
    expect(said).toEqual([already])
    expect(asked.loadingReport.converted).toEqual([])
    expect(await saved(asked, 'asked')).toEqual(await saved(plain, 'plain'))
  })

  test('the same holds once it is loaded, and of a model that was quantized here', async () => {
    await using stored = await load(int8)
    await stored.quantize('int8')
    await using made = await load(float, { quantize: 'int8' })
    await made.quantize(await recipe('int8-weight-only'))
    expect(said).toEqual([already, already])
  })

  test.each([
    ['another recipe of the same method', 'int4-weight-only', 'MODEL_QUANTIZED'],
    ['a recipe of another method', 'nf4', 'QUANT_METHOD_CONFLICT'],
  ])('is refused in %s, while loading and after', async (_what, name, code) => {
    const quantizationConfig = await recipe(name)
    await expect(load(int8, { quantizationConfig })).rejects.toMatchObject({ code })
    await expect(quantizeModel(int8, join(parent, 'no'), { quantizationConfig })).rejects.toMatchObject({
      code,
    })
    await using model = await load(int8)
    await expect(model.quantize(quantizationConfig)).rejects.toMatchObject({ code })
    expect(said).toEqual([])
  })

  test.each([
    ['bitsandbytes/tiny-llama-bnb-nf4-dq', 'nf4-double-quant', 'fp4'],
    ['gptq/tiny-llama-gptq-w4-g64-sym', undefined, 'rtn-int4-g32'],
  ])('%s: with a method of its own', async (path, same, other) => {
    const source = golden(path)
    if (same !== undefined) {
      await using model = await load(source, { quantizationConfig: await recipe(same) })
      expect(model.quantization?.ignored).toEqual([])
    }
    await expect(load(source, { quantizationConfig: await recipe(other) })).rejects.toMatchObject({
      code: 'MODEL_QUANTIZED',
    })
  })

  test('keeps its own skip list, and says that another one was ignored', async () => {
    const quantizationConfig = new TorchAoConfig({
      quantType: new Int8WeightOnlyConfig(),
      modulesToNotConvert: ['model.layers.0'],
    })
    await using model = await load(int8, { quantizationConfig })
    expect(model.quantization?.ignored).toEqual(['modules_to_not_convert'])
    expect(model.warnings).toEqual([expect.stringContaining('modules_to_not_convert was ignored')])
  })

  test('is found by its tensors, too, when config.json does not say so', async () => {
    const lost = join(parent, 'lost')
    await cp(int8, lost, { recursive: true })
    const { quantization_config, ...config } = JSON.parse(await readFile(join(lost, 'config.json'), 'utf8'))
    writeFileSync(join(lost, 'config.json'), JSON.stringify(config))
    const quantizationConfig = await recipe('int4-weight-only')
    await expect(load(lost, { quantizationConfig })).rejects.toMatchObject({ code: 'MODEL_QUANTIZED' })
    await using model = await load(lost, { quantize: 'int8' })
    expect(model.quantization?.config).toEqual(quantization_config)
  })
})
