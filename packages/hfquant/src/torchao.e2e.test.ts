import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { Int8WeightOnlyConfig, TorchAoConfig } from '@hfquant/torchao'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, quantizeModel, recipe } from './index.js'
import { golden, largestDifference, readFloats, readIntegers } from './testing/golden.fixture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-torchao-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tinyLlama = (name: string) => golden(`torchao/tiny-llama/${name}`)
const weights = (model: string) => readTensorFile(join(model, 'model.safetensors'))
const quantizationOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).quantization_config

async function logitsOf(model: string, expected: string): Promise<Float32Array> {
  const ids = await readIntegers(expected, 'input_ids')
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact' })
  return (await loaded.forward({ inputIds: [ids] })).logits
}

describe('int8-weight-only written from the bfloat16 golden', () => {
  const reference = tinyLlama('int8-weight-only')

  test('equals what torchao and transformers write: tensors, header metadata, configuration', async () => {
    const out = join(folder, 'quantized')
    const quantizationConfig = new TorchAoConfig({ quantType: new Int8WeightOnlyConfig() })
    await quantizeModel(tinyLlama('bf16'), out, { quantizationConfig })
    const [ours, theirs] = [await weights(out), await weights(reference)]
    expect([...ours.tensors]).toEqual([...theirs.tensors])
    expect(ours.metadata).toEqual(theirs.metadata)
    expect(await quantizationOf(out)).toEqual(await quantizationOf(reference))
  })

  test('is the same by way of fromPretrained and savePretrained', async () => {
    const out = join(folder, 'saved')
    const quantizationConfig = (await quantizationOf(reference)) as object
    await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama('bf16'), {
      quantizationConfig: { ...quantizationConfig },
    })
    expect(model.quantization).toMatchObject({ method: 'torchao', overridden: [], ignored: [] })
    expect(model.quantization?.skipped.map(({ module }) => module)).toEqual(['lm_head'])
    await model.savePretrained(out)
    expect([...(await weights(out)).tensors]).toEqual([...(await weights(reference)).tensors])
  })
})

describe.each(['int8-weight-only', 'int8-weight-only-sharded'])('the golden %s', (name) => {
  const reference = tinyLlama(name)
  const expected = join(reference, 'expected_logits.safetensors')

  test('is loaded without being told that it is quantized, and has the expected logits', async () => {
    const logits = await logitsOf(reference, expected)
    expect(largestDifference(logits, await readFloats(expected, 'logits'))).toBeLessThan(1e-4)
  })

  test('is saved to equal tensors, and saved again to equal files', async () => {
    const [first, second] = [join(folder, `${name}-1`), join(folder, `${name}-2`)]
    for (const [from, to] of [
      [reference, first],
      [first, second],
    ] as const) {
      await using model = await AutoModelForCausalLM.fromPretrained(from)
      await model.savePretrained(to)
    }
    expect([...(await weights(first)).tensors]).toEqual([
      ...(await weights(tinyLlama('int8-weight-only'))).tensors,
    ])
    for (const file of ['model.safetensors', 'config.json']) {
      expect(await readFile(join(second, file))).toEqual(await readFile(join(first, file)))
    }
  })
})

test.each(['int8-weight-only', 'int8-dynamic-act-int4-weight'])(
  '%s computes close to its dequantized weights on the fast path',
  async (name) => {
    const out = join(folder, `fast-${name}`)
    await quantizeModel(tinyLlama('bf16'), out, { quantizationConfig: await recipe(name) })
    const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120, 88, 31, 2, 11]]
    await using exact = await AutoModelForCausalLM.fromPretrained(out, { compute: 'exact' })
    await using fast = await AutoModelForCausalLM.fromPretrained(out)
    const { logits } = await fast.forward({ inputIds })
    const wanted = (await exact.forward({ inputIds })).logits
    const spread = Math.sqrt(wanted.reduce((sum, value) => sum + value * value, 0) / wanted.length)
    expect(largestDifference(logits, wanted)).toBeLessThan(0.15 * spread)
    expect(largestDifference(logits, wanted)).toBeGreaterThan(0)
  },
)

test('a dequantized model is a float model with the same logits, here and after saving', async () => {
  const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120]]
  const source = tinyLlama('int8-weight-only')
  await using model = await AutoModelForCausalLM.fromPretrained(source, {
    compute: 'exact',
    dtype: 'float32',
  })
  const before = (await model.forward({ inputIds })).logits
  await model.dequantize()
  expect(model.quantization).toBeUndefined()
  expect((await model.forward({ inputIds })).logits).toEqual(before)
  const out = join(folder, 'dequantized')
  await model.savePretrained(out)
  expect(await quantizationOf(out)).toBeUndefined()
  expect((await weights(out)).tensors.get('model.layers.0.mlp.up_proj.weight')).toMatchObject({
    dtype: 'F32',
    shape: [128, 64],
  })
  await using float = await AutoModelForCausalLM.fromPretrained(out)
  expect((await float.forward({ inputIds })).logits).toEqual(before)
})

test('a quantized folder whose config.json lost the block is found by its tensors, and saved with the block', async () => {
  const source = join(folder, 'lost')
  await cp(tinyLlama('int8-weight-only'), source, { recursive: true })
  const { quantization_config, ...config } = JSON.parse(await readFile(join(source, 'config.json'), 'utf8'))
  await writeFile(join(source, 'config.json'), JSON.stringify(config))
  await using model = await AutoModelForCausalLM.fromPretrained(source)
  expect(model.quantization).toMatchObject({ method: 'torchao', config: quantization_config })
  const out = join(folder, 'found')
  await model.savePretrained(out)
  expect(await quantizationOf(out)).toEqual(quantization_config)
})
