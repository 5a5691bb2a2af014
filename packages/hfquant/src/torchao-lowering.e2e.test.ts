import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile, writeTensorFile } from '@hfquant/testkit'
import {
  FqnToConfig,
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perGroup,
  perTensor,
  type TorchAoBaseConfig,
  TorchAoConfig,
  type TorchAoConfigOptions,
} from '@hfquant/torchao'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, quantizeModel, recipe, recipeNames } from './index.js'
import { golden, largestDifference } from './testing/golden.fixture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-torchao-configs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const FLOAT = golden('torchao/tiny-llama/bf16')
const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120, 88, 31, 2, 11]]

async function logitsOf(model: string, compute: 'exact' | 'fast'): Promise<Float32Array> {
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute })
  return (await loaded.forward({ inputIds })).logits
}

const spread = (logits: Float32Array): number =>
  Math.sqrt(logits.reduce((sum, value) => sum + value * value, 0) / logits.length)

const quantize = async (name: string, options: TorchAoConfigOptions, from = FLOAT) => {
  const out = join(folder, name)
  await quantizeModel(from, out, { quantizationConfig: new TorchAoConfig(options) })
  return out
}

let float: Float32Array
beforeAll(async () => {
  float = await logitsOf(FLOAT, 'exact')
})

/** How far quantizing the random weights, and then the activations, may move the logits, in parts of their spread. */
const configs: readonly (readonly [string, TorchAoBaseConfig, number, number])[] = [
  ['int8-dynamic', new Int8DynamicActivationInt8WeightConfig(), 0.15, 0.15],
  [
    'int8-dynamic-asymmetric',
    new Int8DynamicActivationInt8WeightConfig({ actMappingType: 'ASYMMETRIC' }),
    0.15,
    0.15,
  ],
  ['int8-dynamic-reduced', new Int8DynamicActivationInt8WeightConfig({ reduceRange: true }), 0.3, 0.3],
  ['int8-groups', new Int8WeightOnlyConfig({ granularity: perGroup(32) }), 0.15, 0.15],
  ['int8-tensor', new Int8WeightOnlyConfig({ granularity: perTensor() }), 0.2, 0.15],
  ['int6', new IntxWeightOnlyConfig({ weightDtype: 'int6', mappingType: 'ASYMMETRIC' }), 0.5, 0.15],
  ['int4-packed', new Int4WeightOnlyConfig({ groupSize: 32 }), 1.5, 0.15],
]

describe.each(configs)('%s', (name, quantType, ofWeights, ofActivations) => {
  let out: string
  beforeAll(async () => {
    out = await quantize(name, { quantType })
  })

  test('runs close to the float model, and its fast product close to its weights', async () => {
    const [exact, fast] = [await logitsOf(out, 'exact'), await logitsOf(out, 'fast')]
    const size = spread(float)
    expect(largestDifference(exact, float)).toBeLessThan(ofWeights * size)
    expect(largestDifference(exact, float)).toBeGreaterThan(0)
    expect(largestDifference(fast, exact)).toBeLessThan(ofActivations * size)
    expect(largestDifference(fast, exact)).toBeGreaterThan(0)
  })

  test('is loaded without being told so, and saved to equal files', async () => {
    const to = join(folder, `${name}-again`)
    await using model = await AutoModelForCausalLM.fromPretrained(out)
    expect(model.quantization?.config).toEqual(new TorchAoConfig({ quantType }).toDict())
    await model.savePretrained(to)
    for (const file of ['model.safetensors', 'config.json']) {
      expect(await readFile(join(to, file))).toEqual(await readFile(join(out, file)))
    }
  })
})

test('the layout of torchao 0.14 is read, and written in the current one', async () => {
  const out = await quantize('current-layout', { quantType: new Int4WeightOnlyConfig({ groupSize: 64 }) })
  const old = join(folder, 'layout-0.14')
  await cp(out, old, { recursive: true })
  const { tensors, metadata } = await readTensorFile(join(out, 'model.safetensors'))
  const colons = [...tensors].map(([name, tensor]) => {
    const part = /^(.*)\._weight_(.*)$/.exec(name)
    return [part === null ? `${name}:_data` : `${part[1]}.weight:${part[2]}`, tensor] as const
  })
  const documents = Object.entries(metadata).map(([name, text]) => [
    name,
    text.replace(/, "_tensor_data_names": \[.*\]/, ''),
  ])
  await writeTensorFile(join(old, 'model.safetensors'), {
    tensors: new Map(colons),
    metadata: Object.fromEntries(documents),
  })
  expect(await logitsOf(old, 'fast')).toEqual(await logitsOf(out, 'fast'))
  await using model = await AutoModelForCausalLM.fromPretrained(old)
  await model.savePretrained(join(folder, 'layout-rewritten'))
  const rewritten = await readTensorFile(join(folder, 'layout-rewritten', 'model.safetensors'))
  expect(rewritten).toEqual({ tensors, metadata })
})

test('each module as FqnToConfig says', async () => {
  const quantType = new FqnToConfig({
    're:.*\\.self_attn\\..*': new Int8DynamicActivationInt8WeightConfig(),
    'model.layers.0.mlp.up_proj': null,
    'model.embed_tokens': new Int8WeightOnlyConfig(),
    _default: new Int4WeightOnlyConfig({ groupSize: 64 }),
  })
  const out = await quantize('per-module', { quantType })
  const { tensors } = await readTensorFile(join(out, 'model.safetensors'))
  const shapeOf = (name: string) => tensors.get(name)?.shape
  expect(shapeOf('model.layers.1.self_attn.q_proj._weight_qdata')).toEqual([64, 64])
  expect(shapeOf('model.layers.1.mlp.up_proj._weight_qdata')).toEqual([128, 32])
  expect(shapeOf('model.layers.0.mlp.up_proj.weight')).toEqual([128, 64])
  expect(shapeOf('model.embed_tokens._weight_qdata')).toEqual([128, 64])
  expect(shapeOf('lm_head.weight')).toEqual([128, 64])
  const [exact, fast] = [await logitsOf(out, 'exact'), await logitsOf(out, 'fast')]
  expect(largestDifference(fast, exact)).toBeLessThan(0.15 * spread(float))
})

test('the float8 recipes of other tools are refused by name, with a reason and another recipe', async () => {
  for (const name of ['float8-dynamic-act-float8-weight', 'float8-dynamic-act-int4-weight']) {
    await expect(recipe(name)).rejects.toMatchObject({
      code: 'RECIPE_UNAVAILABLE',
      message: expect.stringContaining(name),
      hint: expect.stringContaining('int8-dynamic-act-int'),
    })
    expect(await recipeNames()).not.toContain(name)
  }
})

describe('a tied model with includeInputOutputEmbeddings', () => {
  const quantType = new Int8WeightOnlyConfig()
  const tied = join(folder, 'tied')
  beforeAll(async () => {
    await cp(FLOAT, tied, { recursive: true })
    const path = join(tied, 'config.json')
    const config = { ...JSON.parse(await readFile(path, 'utf8')), tie_word_embeddings: true }
    await writeFile(path, JSON.stringify(config))
    const weights = join(tied, 'model.safetensors')
    const { tensors, metadata } = await readTensorFile(weights)
    tensors.delete('lm_head.weight')
    await writeTensorFile(weights, { tensors, metadata })
  })

  test('has one quantized weight for both ends', async () => {
    const out = await quantize('tied-int8', { quantType, includeInputOutputEmbeddings: true }, tied)
    const { tensors, metadata } = await readTensorFile(join(out, 'model.safetensors'))
    expect([...tensors.keys()].filter((name) => name.startsWith('lm_head'))).toEqual([])
    expect(metadata['model.embed_tokens.weight']).toContain('Int8Tensor')
    const [before, after] = [await logitsOf(tied, 'exact'), await logitsOf(out, 'exact')]
    expect(largestDifference(before, after)).toBeLessThan(0.15 * spread(before))
  })

  test.each([
    ['8 bits per row', new Int8WeightOnlyConfig()],
    [
      '4 bits in groups of 32, asymmetric',
      new IntxWeightOnlyConfig({ weightDtype: 'int4', granularity: perGroup(32), mappingType: 'ASYMMETRIC' }),
    ],
    ['3 bits in groups of 16', new IntxWeightOnlyConfig({ weightDtype: 'int3', granularity: perGroup(16) })],
  ])(
    'with an embedding of %s looks rows up without dequantizing the table (fast)',
    async (name, quantType) => {
      const out = await quantize(`fast-${name}`, { quantType, includeInputOutputEmbeddings: true }, tied)
      const [exact, fast] = [await logitsOf(out, 'exact'), await logitsOf(out, 'fast')]
      expect(largestDifference(exact, fast)).toBeLessThan(0.1 * spread(exact))
    },
  )

  test('and untieEmbeddingWeights has two, and says that it is not tied', async () => {
    const options = { quantType, includeInputOutputEmbeddings: true, untieEmbeddingWeights: true }
    const out = await quantize('untied-int8', options, tied)
    const { tensors } = await readTensorFile(join(out, 'model.safetensors'))
    expect(tensors.get('lm_head._weight_qdata')).toEqual(tensors.get('model.embed_tokens._weight_qdata'))
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ tie_word_embeddings: false })
    const [one, two] = [await logitsOf(join(folder, 'tied-int8'), 'exact'), await logitsOf(out, 'exact')]
    expect(two).toEqual(one)
  })
})
