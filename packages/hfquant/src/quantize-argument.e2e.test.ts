import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { recipe } from './index.js'
import { largestDifference, readFloats, readIntegers } from './testing/golden.fixture.js'
import { float, inputIds, load, parent, saved } from './testing/quantize.fixture.js'

test('a float model that nobody asks to quantize is read and written as it was', async () => {
  await using plain = await load(float)
  await using told = await load(float, { quantize: null, quantizationConfig: null })
  const [weights, config] = await saved(plain, 'plain-float')
  expect(await saved(told, 'told-float')).toEqual([weights, config])
  expect(JSON.parse(config!.toString())).toEqual(
    JSON.parse(await readFile(join(float, 'config.json'), 'utf8')),
  )
  const [ours, theirs] = await Promise.all(
    [join(parent, 'plain-float'), float].map((folder) => readTensorFile(join(folder, 'model.safetensors'))),
  )
  expect(ours!.tensors).toEqual(theirs!.tensors)
})

test('a float model computes what it always did', async () => {
  const expected = join(float, 'expected_logits.safetensors')
  const ids = await readIntegers(expected, 'input_ids')
  await using model = await load(float, { compute: 'exact' })
  const { logits } = await model.forward({ inputIds: [ids] })
  expect(largestDifference(logits, await readFloats(expected, 'logits'))).toBeLessThan(LOGIT_TOLERANCE)
})

/** The reference summed in float64. */
const LOGIT_TOLERANCE = 1e-4

describe('quantize: "int8"', () => {
  test.each(['int8', 'INT8'])('%s while loading is the recipe int8-weight-only', async (quantize) => {
    await using short = await load(float, { quantize })
    await using long = await load(float, { quantizationConfig: await recipe('int8-weight-only') })
    expect(await saved(short, `short-${quantize}`)).toEqual(await saved(long, `long-${quantize}`))
  })

  test('after loading gives the same model, whether it was used before or not', async () => {
    await using early = await load(float, { quantize: 'int8', compute: 'exact' })
    await using late = await load(float, { compute: 'exact' })
    const before = (await late.forward({ inputIds })).logits
    await late.quantize()
    const after = (await late.forward({ inputIds })).logits
    expect(after).not.toEqual(before)
    expect(after).toEqual((await early.forward({ inputIds })).logits)
    expect(late.quantization).toEqual(early.quantization)
    expect(late.loadingReport).toEqual(early.loadingReport)
    expect(late.memoryFootprint()).toBe(early.memoryFootprint())
    expect(await saved(late, 'late')).toEqual(await saved(early, 'early'))
  })

  test('keeps the dtype that the model was loaded with', async () => {
    await using early = await load(float, { quantize: 'int8', dtype: 'fp16' })
    await using late = await load(float, { dtype: 'fp16' })
    await late.quantize('int8')
    expect(await saved(late, 'late-fp16')).toEqual(await saved(early, 'early-fp16'))
  })
})

describe('a precision is no quantization', () => {
  const refused = { code: 'PRECISION_IS_NOT_QUANTIZATION', field: 'quantize' }

  test('which is said while loading, before anything is looked for', async () => {
    await expect(load('./no-such-folder', { quantize: 'fp16' })).rejects.toMatchObject(refused)
  })

  test('nor after loading', async () => {
    await using model = await load(float)
    await expect(model.quantize('fp16')).rejects.toMatchObject(refused)
  })
})

test('a loaded model is not quantized by null; while loading it means "not"', async () => {
  await using model = await load(float, { quantize: null })
  expect(model.quantization).toBeUndefined()
  await expect(model.quantize(null as never)).rejects.toMatchObject({ code: 'QUANTIZE_TYPE' })
})

test('quantize and quantizationConfig exclude each other', async () => {
  const options = { quantize: 'int8', quantizationConfig: await recipe('nf4') }
  await expect(load('./no-such-folder', options)).rejects.toMatchObject({ code: 'OPTIONS_EXCLUSIVE' })
})
