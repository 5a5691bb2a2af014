import { channel } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile, writeTensorFile } from '@hfquant/testkit'
import { recipes } from '@hfquant/torchao'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, INFO_CHANNEL, inspectModel, quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import {
  type Config,
  copyModel,
  differenceFromGolden,
  editConfig,
  INT4,
  tinyLlama,
  withoutBlock,
} from './testing/tiny-llama.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-detection-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

/** What was said on the info channel. */
const lines: string[] = []
const listen = (event: unknown) => void lines.push((event as { message: string }).message)
beforeAll(() => channel(INFO_CHANNEL).subscribe(listen))
afterAll(() => void channel(INFO_CHANNEL).unsubscribe(listen))
const linesAbout = (folder: string) => lines.filter((line) => line.includes(folder))

const copyOf = (model: string, name: string, change?: (config: Config) => Config) =>
  copyModel(model, join(parent, name), change)

describe('where the block is looked for', () => {
  test('two levels above the latest checkpoint of a training folder, with a warning of a damaged file', async () => {
    const root = join(parent, 'trained')
    const checkpoint = join(root, 'checkpoints', 'checkpoint-7')
    await mkdir(join(root, 'checkpoints'), { recursive: true })
    await cp(tinyLlama(INT4), checkpoint, { recursive: true })
    await cp(join(checkpoint, 'config.json'), join(root, 'config.json'))
    await writeFile(join(checkpoint, 'config.json'), '{')
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    expect(await differenceFromGolden(root)).toBeLessThan(1e-4)
    expect(linesAbout(root)).toEqual([expect.stringContaining('found by config.json')])
    const damaged = expect.stringContaining(join(checkpoint, 'config.json'))
    expect(warn).toHaveBeenCalledWith(damaged, 'HfquantWarning')
    warn.mockRestore()
  })

  test('in the tensors, when config.json lost it: a pickled checkpoint, and each recipe', async () => {
    const pickled = await copyOf(tinyLlama(INT4), 'lost', withoutBlock)
    expect(await differenceFromGolden(pickled)).toBeLessThan(1e-4)
    expect(linesAbout(pickled)).toEqual([
      expect.stringMatching(/torchao Int8DynamicActivationIntxWeightConfig, found by the tensors/),
    ])
    for (const [name, recipe] of Object.entries(recipes)) {
      const folder = join(parent, `lost-${name}`)
      await quantizeModel(tinyLlama('bf16'), folder, { quantizationConfig: recipe() })
      const { quantization } = await inspectModel(folder)
      if (quantization === undefined) throw new Error('quantized folders say so')
      await editConfig(folder, withoutBlock)
      const { quant_type } = (await inspectModel(folder)).quantization!.config
      expect(quant_type).toEqual(quantization.config.quant_type)
    }
  })

  test('a float model has none, and nothing is said about it', async () => {
    const folder = await copyOf(tinyLlama('bf16'), 'float')
    expect((await inspectModel(folder)).quantization).toBeUndefined()
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    expect(model.quantization).toBeUndefined()
    expect(linesAbout(folder)).toEqual([])
  })
})

test('that a model is quantized is said once, until the file is another one', async () => {
  const folder = await copyOf(tinyLlama('int8-weight-only'), 'said-once')
  const load = async () => (await AutoModelForCausalLM.fromPretrained(folder)).dispose()
  await inspectModel(folder)
  await load()
  await load()
  expect(linesAbout(folder)).toEqual([
    `${folder} is quantized: torchao Int8WeightOnlyConfig, found by config.json; 14 quantized layers installed before the weights are read`,
  ])
  await utimes(join(folder, 'model.safetensors'), 1, 1)
  await load()
  expect(linesAbout(folder)).toHaveLength(2)
})

describe('a config that the tensors contradict', () => {
  test('of one method: both are shown', async () => {
    const { quantization_config } = JSON.parse(
      await readFile(join(tinyLlama('int8-weight-only'), 'config.json'), 'utf8'),
    )
    const folder = await copyOf(tinyLlama(INT4), 'int8-says-config', (config) => ({
      ...config,
      quantization_config,
    }))
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'CONFIG_CONTRADICTS_TENSORS',
      message: expect.stringMatching(/Int8WeightOnlyConfig.*IntxUnpackedToInt8Tensor of int4/),
    })
  })

  test('of another method: both are shown', async () => {
    const folder = await copyOf(tinyLlama('int8-weight-only'), 'nf4-says-config', (config) => ({
      ...config,
      quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true },
    }))
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'CONFIG_CONTRADICTS_TENSORS',
      message: expect.stringMatching(/"bitsandbytes".*"torchao" \(Int8WeightOnlyConfig\)/),
    })
  })

  test('by being float altogether: refused, or quantized when that is asked for', async () => {
    const { quantization_config } = JSON.parse(
      await readFile(join(tinyLlama('int8-weight-only'), 'config.json'), 'utf8'),
    )
    const folder = await copyOf(tinyLlama('bf16'), 'float-block', (config) => ({
      ...config,
      quantization_config,
    }))
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_QUANTIZED',
      message: expect.stringMatching(/"torchao".*is float/),
    })
    const quantizationConfig = recipes['int8-weight-only']!()
    await using model = await AutoModelForCausalLM.fromPretrained(folder, { quantizationConfig })
    expect(model.loadingReport.converted).toHaveLength(14)
  })

  test('by a single weight in float: accepted, and counted', async () => {
    const folder = await copyOf(tinyLlama('int8-weight-only'), 'one-float')
    const { tensors, metadata } = await readTensorFile(join(folder, 'model.safetensors'))
    const float = (await readTensorFile(join(tinyLlama('bf16'), 'model.safetensors'))).tensors
    const weight = 'model.layers.0.mlp.up_proj.weight'
    const kept = [...tensors].filter(([name]) => !name.startsWith('model.layers.0.mlp.up_proj.'))
    await writeTensorFile(join(folder, 'model.safetensors'), {
      tensors: new Map([...kept, [weight, float.get(weight)!]]),
      metadata: { ...metadata, [weight]: '{"_type": "Tensor"}' },
    })
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    expect(model.quantization?.skipped).toContainEqual({
      module: 'model.layers.0.mlp.up_proj',
      reason: 'is stored in float',
    })
    expect(linesAbout(folder)).toEqual([
      expect.stringMatching(/13 quantized layers installed.*, 1 more accepted as stored, in float$/),
    ])
  })
})

describe('tensors that cannot be loaded', () => {
  test('a float8 class: without the block its recipe is lost, and there are two ways out', async () => {
    const folder = await copyOf(tinyLlama('bf16'), 'float8')
    await cp(golden('torchao/layout/current.safetensors'), join(folder, 'model.safetensors'))
    await expect(inspectModel(folder)).rejects.toMatchObject({
      code: 'CONFIG_NOT_RECOVERABLE',
      message: expect.stringMatching(/Float8Tensor.*float8 recipes cannot be recovered from tensors/),
      hint: expect.stringMatching(/Restore the quantization_config block.*cheaper.*--quantize/),
    })
  })

  test('a class that is not known here: it is named without the block, too', async () => {
    const folder = await copyOf(tinyLlama('int8-weight-only'), 'future')
    const path = join(folder, 'model.safetensors')
    const { tensors, metadata } = await readTensorFile(path)
    const weight = 'model.layers.0.mlp.up_proj.weight'
    const document = metadata[weight]!.replace('Int8Tensor', 'FutureTensor')
    await writeTensorFile(path, { tensors, metadata: { ...metadata, [weight]: document } })
    await editConfig(folder, withoutBlock)
    await expect(inspectModel(folder)).rejects.toMatchObject({
      code: 'TENSOR_CLASS_UNKNOWN',
      message: expect.stringContaining('FutureTensor'),
    })
  })

  test('a part of a weight that is in no shard: weight, part and shards are named', async () => {
    const folder = await copyOf(tinyLlama('int8-weight-only-sharded'), 'missing-part')
    const part = 'model.layers.1.mlp.down_proj._weight_scale'
    const indexPath = join(folder, 'model.safetensors.index.json')
    const { weight_map, ...index } = JSON.parse(await readFile(indexPath, 'utf8'))
    const shard = join(folder, weight_map[part])
    delete weight_map[part]
    await writeFile(indexPath, JSON.stringify({ ...index, weight_map }))
    const { tensors, metadata } = await readTensorFile(shard)
    tensors.delete(part)
    await writeTensorFile(shard, { tensors, metadata })
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: part,
      message: expect.stringMatching(
        /_weight_scale.*model-00001-of-00002.*model-00002-of-00002.*of model\.layers\.1\.mlp\.down_proj is missing/,
      ),
    })
  })
})
