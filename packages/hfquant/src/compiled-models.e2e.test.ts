import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { quantizer as bitsandbytes } from '@hfquant/bitsandbytes'
import { defineQuantizer } from '@hfquant/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModelForCausalLM,
  cacheFolder,
  compileModel,
  GLiNER,
  type LoadModelOptions,
  listCompiledModels,
  recipe,
} from './index.js'
import { golden } from './testing/golden.fixture.js'
import {
  changeConfig,
  copyOf,
  INPUT,
  MODEL,
  newFolder,
  overwriteWeights,
  saved,
  start,
  useOwnCaches,
} from './testing/starts.fixture.js'

useOwnCaches()
let cache: string
beforeEach(() => {
  cache = process.env.HFQUANT_CACHE!
})

/** One of each backend; sizes of the second are known only after quantizing, and so is the config of the third. */
const RECIPES = ['int8-dynamic-act-int8-weight', 'nf4-double-quant', 'rtn-int4-g32', 'llm-int8']

describe('a second start', () => {
  test.each(RECIPES)('with %s neither quantizes nor compiles, and computes the same bits', async (name) => {
    const quantizationConfig = await recipe(name)
    const cold = await start(MODEL, { quantizationConfig })
    expect(cold.stages).toEqual(['quantize', 'compile'])
    const warm = await start(MODEL, { quantizationConfig })
    expect(warm.stages).toEqual([])
    expect(warm.logits).toEqual(cold.logits)
    const apart = await start(MODEL, { quantizationConfig, cache: false })
    expect(apart.stages).toEqual(['quantize', 'compile'])
    expect(apart.logits).toEqual(cold.logits)
    // What is known of the model is the same, and so are its weights once they are asked for.
    expect(warm.model.quantization).toEqual(cold.model.quantization)
    expect(warm.model.loadingReport).toEqual(cold.model.loadingReport)
    expect(warm.model.memoryFootprint()).toBe(cold.model.memoryFootprint())
    expect(await saved(warm.model)).toEqual(await saved(cold.model))
    for (const { model } of [cold, warm, apart]) await model.dispose()
    expect(await listCompiledModels()).toMatchObject([{ method: cold.model.quantization!.method }])
  })

  test('of a model that is stored quantized, or in float, does not compile either', async () => {
    for (const folder of [MODEL, golden('gptq/tiny-llama-gptq-w4-g32-desc-act')]) {
      const [cold, warm] = [await start(folder), await start(folder)]
      expect([cold.stages, warm.stages]).toEqual([['compile'], []])
      expect(warm.logits).toEqual(cold.logits)
      for (const { model } of [cold, warm]) await model.dispose()
    }
  })

  test('of GLiNER does not compile either, where it was compiled beforehand', async () => {
    const folder = golden('gliner/deberta')
    expect(await compileModel(folder)).toMatchObject({ kind: 'compiled', method: null })
    const stages: string[] = []
    await using model = await GLiNER.fromPretrained(folder, { onProgress: ({ stage }) => stages.push(stage) })
    await model.predictEntities('Ada', ['person'])
    expect(stages).toEqual([])
  })

  test('does not read the weights', async () => {
    const folder = copyOf(MODEL)
    const quantizationConfig = await recipe('rtn-int4-g32')
    const cold = await start(folder, { quantizationConfig })
    const model = await AutoModelForCausalLM.fromPretrained(folder, { quantizationConfig })
    await overwriteWeights(join(folder, 'model.safetensors'))
    expect((await model.forward(INPUT)).logits).toEqual(cold.logits)
    for (const used of [cold.model, model]) await used.dispose()
  })

  test('checks what headers reveal', async () => {
    const folder = copyOf(MODEL)
    await (await start(folder)).model.dispose()
    changeConfig(folder, { intermediate_size: 512 })
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'TENSOR_MISMATCH',
    })
  })

  test('of a model that was moved finds it; of one whose weights, config or settings changed does not', async () => {
    const folder = copyOf(MODEL)
    const starts = async (path: string, options: LoadModelOptions = {}) => {
      const { model, stages } = await start(path, options)
      await model.dispose()
      return stages
    }
    expect(await starts(folder)).toEqual(['compile'])
    expect(await starts(copyOf(folder))).toEqual([])
    expect(await starts(folder, { compute: 'exact' })).toEqual(['compile'])
    const config = join(folder, 'config.json')
    const json = JSON.parse(readFileSync(config, 'utf8'))
    writeFileSync(config, JSON.stringify({ ...json, rope_theta: 20_000 }))
    expect(await starts(folder)).toEqual(['compile'])
    writeFileSync(config, JSON.stringify(json))
    expect(await starts(folder)).toEqual([])
    const weights = join(folder, 'model.safetensors')
    const { atime, mtime } = await stat(weights)
    await overwriteWeights(weights)
    await utimes(weights, atime, mtime)
    expect(await starts(folder)).toEqual(['compile'])
  })

  test('can be dequantized, and then computes with the restored weights', async () => {
    const quantizationConfig = await recipe('nf4')
    const [cold, warm] = [
      await start(MODEL, { quantizationConfig }),
      await start(MODEL, { quantizationConfig }),
    ]
    const float = await start(MODEL)
    for (const { model } of [cold, warm]) await model.dequantize()
    const restored = (await warm.model.forward(INPUT)).logits
    expect(restored).toEqual((await cold.model.forward(INPUT)).logits)
    expect(restored).not.toEqual(float.logits)
    for (const { model } of [cold, warm, float]) await model.dispose()
  })
})

describe('a model that is calibrated', () => {
  test('is compiled for one process; the folder that it is saved to is kept like any other', async () => {
    const quantizationConfig = await recipe('gptq-int4-g32', {
      calibration: [Array.from({ length: 64 }, (_, id) => id)],
    })
    const { model, logits } = await start(MODEL, { quantizationConfig })
    expect(await listCompiledModels()).toEqual([])
    const folder = newFolder()
    await model.savePretrained(folder)
    const [cold, warm] = [await start(folder), await start(folder)]
    expect([cold.stages, warm.stages]).toEqual([['compile'], []])
    expect(warm.logits).toEqual(logits)
    for (const used of [model, cold.model, warm.model]) await used.dispose()
  })
})

describe('a method that states no revision', () => {
  test('is compiled for one process: a later version of it may compute something else', async () => {
    const { revision: _, ...definition } = bitsandbytes.definition
    const unversioned = defineQuantizer({ ...definition, quantMethod: 'unversioned' })
    const quantizationConfig = unversioned({ loadIn8bit: true })
    const starts = [await start(MODEL, { quantizationConfig }), await start(MODEL, { quantizationConfig })]
    expect(starts.map(({ stages }) => stages)).toEqual(Array(2).fill(['quantize', 'compile']))
    expect(await listCompiledModels()).toEqual([])
    for (const { model } of starts) await model.dispose()
  })
})

describe('several processes', () => {
  const program = fileURLToPath(new URL('./testing/first-logits.mjs', import.meta.url))
  const run = async (args: readonly string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args])
    return JSON.parse(stdout) as { stages: string[]; logits: string }
  }

  test('that compile the same model at once all work, and leave one compiled model', async () => {
    const runs = await Promise.all([1, 2].map(() => run([demoModel, 'nf4'])))
    expect(runs[1]!.logits).toBe(runs[0]!.logits)
    expect(await listCompiledModels()).toHaveLength(1)
    expect(readdirSync(join(cacheFolder(), 'work'))).toEqual([])
    expect(await run([demoModel, 'nf4'])).toEqual({ stages: [], logits: runs[0]!.logits })
  })

  test('one that is killed while it compiles leaves nothing that the next one does not remove', async () => {
    const child = fork(program, [demoModel, 'nf4'], { stdio: 'ignore' })
    child.on('message', ({ stage }: { stage: string }) => stage === 'compile' && child.kill('SIGKILL'))
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    expect(readdirSync(join(cacheFolder(), 'work'))).toHaveLength(1)
    expect(await listCompiledModels()).toEqual([])
    expect((await run([demoModel, 'nf4'])).stages).toEqual(['quantize', 'compile'])
    expect(readdirSync(join(cacheFolder(), 'work'))).toEqual([])
  })
})

describe('a cache that does not help', () => {
  const warnings: string[] = []
  const collect = ({ name, message }: Error) => name === 'HfquantWarning' && warnings.push(message)
  beforeEach(() => {
    warnings.length = 0
    process.on('warning', collect)
  })
  afterEach(() => process.off('warning', collect))

  test('because it is damaged is repaired, with a warning', async () => {
    const cold = await start(MODEL)
    const [artifact] = await listCompiledModels()
    const weights = join(cacheFolder(), 'artifacts', artifact!.id, 'weights.bin')
    chmodSync(weights, 0o600)
    truncateSync(weights, 4096)
    chmodSync(weights, 0o444)
    const again = await start(MODEL)
    expect(again.stages).toEqual(['compile'])
    expect(again.logits).toEqual(cold.logits)
    expect(warnings).toContainEqual(expect.stringMatching(/is damaged \(weights\.bin has 4096 bytes/))
    const warm = await start(MODEL)
    expect(warm.stages).toEqual([])
    for (const { model } of [cold, again, warm]) await model.dispose()
  })

  test('because what is in it cannot be opened is repaired, with a warning', async () => {
    const cold = await start(MODEL)
    const model = await AutoModelForCausalLM.fromPretrained(MODEL)
    rmSync(join(cacheFolder(), 'artifacts'), { recursive: true })
    expect((await model.forward(INPUT)).logits).toEqual(cold.logits)
    for (const used of [cold.model, model]) await used.dispose()
  })

  test('because it cannot be written ends in a model that works, and a warning', async () => {
    const file = newFolder()
    writeFileSync(file, 'a file is no folder')
    process.env.HFQUANT_CACHE = join(file, 'cache')
    const { model, logits } = await start(MODEL)
    await model.dispose()
    expect(warnings).toContainEqual(expect.stringMatching(/not kept for later starts: cannot write /))
    process.env.HFQUANT_CACHE = cache
    const usual = await start(MODEL)
    expect(logits).toEqual(usual.logits)
    await usual.model.dispose()
  })
})
