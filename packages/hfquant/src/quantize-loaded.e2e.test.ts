import { BitsAndBytesConfig } from '@hfquant/bitsandbytes'
import { Int8WeightOnlyConfig, TorchAoConfig } from '@hfquant/torchao'
import { describe, expect, test } from 'vitest'
import { recipe } from './index.js'
import { float, inputIds, int8, load, said, saved } from './testing/quantize.fixture.js'

describe('a loaded model', () => {
  test.each([
    ['a recipe', () => recipe('nf4'), 'bitsandbytes'],
    ['a config', async () => new BitsAndBytesConfig({ loadIn8bit: true }), 'bitsandbytes'],
    ['an object with the keys of config.json', async () => ({ load_in_4bit: true }), 'bitsandbytes'],
    ['a recipe that rounds to the nearest', () => recipe('rtn-int4-g32'), 'gptq'],
  ])('is quantized by %s as it is while loading', async (what, make, method) => {
    await using early = await load(float, { quantizationConfig: await make(), dtype: 'bfloat16' })
    await using late = await load(float)
    await late.quantize(await make())
    expect(late.quantization?.method).toBe(method)
    expect(await saved(late, `late ${what}`)).toEqual(await saved(early, `early ${what}`))
  })

  test('stays what it was when quantizing fails or is aborted', async () => {
    await using model = await load(float, { compute: 'exact' })
    const before = (await model.forward({ inputIds })).logits
    const impossible = new TorchAoConfig({ quantType: new Int8WeightOnlyConfig({ version: 1 }) })
    await expect(model.quantize(impossible)).rejects.toMatchObject({ code: 'CONFIG_NOT_QUANTIZABLE' })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(model.quantize('int8', { signal })).rejects.toThrow('enough')
    expect(model.quantization).toBeUndefined()
    expect((await model.forward({ inputIds })).logits).toEqual(before)
  })

  test('ends what it is generating when it is quantized, and goes on with its other weights', async () => {
    await using model = await load(float)
    const generate = () => model.generate({ inputIds: inputIds[0]! }, { maxNewTokens: 40, ignoreEos: true })
    const generated = generate()
    await generated.next()
    await model.quantize('int8')
    const rest = (async () => {
      for await (const _ of generated);
    })()
    await expect(rest).rejects.toMatchObject({ code: 'MODEL_CHANGED' })
    let count = 0
    for await (const _ of generate()) count += 1
    expect(count).toBe(40)
  })

  test('is quantized once, however many ask for it at the same time', async () => {
    await using model = await load(float)
    await Promise.all([model.quantize('int8'), model.quantize('int8')])
    expect(said).toEqual([expect.stringContaining('is quantized with "torchao" already')])
  })

  test('whose weights were restored has no files to quantize from, and says so', async () => {
    await using model = await load(int8)
    await model.dequantize()
    await expect(model.quantize('int8')).rejects.toMatchObject({ code: 'MODEL_DEQUANTIZED' })
  })

  test('that was disposed of is not quantized', async () => {
    const model = await load(float)
    await model.dispose()
    await expect(model.quantize('int8')).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
  })
})
