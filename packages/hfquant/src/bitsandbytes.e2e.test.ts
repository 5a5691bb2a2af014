import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BitsAndBytesConfig, type BitsAndBytesOptions, quantizer, recipes } from '@hfquant/bitsandbytes'
import { registerLazyQuantizer } from '@hfquant/core/runtime'
import { openSafetensors } from '@hfquant/safetensors'
import { readTensorFile } from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { divergence, logProbabilities } from './testing/divergence.fixture.js'
import { golden, largestDifference, readIntegers } from './testing/golden.fixture.js'

registerLazyQuantizer({
  quantMethod: 'bitsandbytes',
  packageName: '@hfquant/bitsandbytes',
  load: async () => quantizer,
  claims: (json) => json.load_in_8bit === true || json.load_in_4bit === true,
})

const folder = mkdtempSync(join(tmpdir(), 'hfquant-bitsandbytes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tinyLlama = (name: string) => golden(`bitsandbytes/tiny-llama-${name}`)
const expectedFile = golden('bitsandbytes/logits.safetensors')
const fileOf = (model: string, name = 'model.safetensors') => readFile(join(model, name))

async function expectSameFolder(found: string, wanted: string): Promise<void> {
  expect(Buffer.compare(await fileOf(found), await fileOf(wanted))).toBe(0)
  expect(await readFile(join(found, 'config.json'), 'utf8')).toBe(
    await readFile(join(wanted, 'config.json'), 'utf8'),
  )
}

async function expectedLogits(name: string): Promise<Float32Array> {
  await using file = await openSafetensors(expectedFile)
  return Float32Array.from(new Float64Array((await file.read(`${name}.logits_f64`)).slice().buffer))
}

describe.each([
  ['bnb-nf4-dq', 'float32', { loadIn4bit: true, bnb4bitQuantType: 'nf4', bnb4bitUseDoubleQuant: true }],
  ['bnb-fp4', 'float16', { loadIn4bit: true }],
  ['bnb-int8', 'float16', { loadIn8bit: true }],
] as const satisfies readonly (readonly [string, string, BitsAndBytesOptions])[])(
  'quantizing tiny-llama-fp32 as %s',
  (name, dtype, options) => {
    test('gives the golden checkpoint, weights and configuration, byte for byte', async () => {
      const out = join(folder, `made-${name}`)
      const quantizationConfig = new BitsAndBytesConfig(options)
      const result = await quantizeModel(tinyLlama('fp32'), out, { quantizationConfig, dtype })
      expect(result.quantized).toHaveLength(14)
      expect(result.skipped.map(({ module }) => module)).toEqual(['lm_head'])
      await expectSameFolder(out, tinyLlama(name))
    })

    test('gives the same by way of fromPretrained and savePretrained', async () => {
      const out = join(folder, `saved-${name}`)
      const quantizationConfig = new BitsAndBytesConfig(options)
      await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama('fp32'), {
        quantizationConfig,
        dtype,
      })
      await model.savePretrained(out)
      await expectSameFolder(out, tinyLlama(name))
    })
  },
)

describe.each([
  ['bnb-nf4-dq', 'bnb_nf4_dq'],
  ['bnb-nf4-dq-sharded', 'bnb_nf4_dq'],
  ['bnb-fp4', 'bnb_fp4'],
  ['bnb-int8', 'bnb_int8'],
])('the golden tiny-llama-%s', (name, tensors) => {
  test('has the expected logits and choices', async () => {
    const ids = await readIntegers(expectedFile, 'input_ids')
    await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama(name), { compute: 'exact' })
    const { logits, shape } = await model.forward({ inputIds: [ids] })
    const wanted = await expectedLogits(tensors)
    expect(largestDifference(logits, wanted)).toBeLessThan(1e-4)
    expect(choices(logits, shape[2])).toEqual(choices(wanted, shape[2]))
  })

  test('is computed fast, close to that', async () => {
    const ids = await readIntegers(expectedFile, 'input_ids')
    await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama(name))
    const { logits } = await model.forward({ inputIds: [ids] })
    const difference = largestDifference(logits, await expectedLogits(tensors))
    expect(difference).toBeLessThan(0.15)
    expect(difference).toBeGreaterThan(1e-4)
  })

  test('is saved to equal tensors, and saved again to equal files', async () => {
    const [first, second] = [join(folder, `${name}-1`), join(folder, `${name}-2`)]
    for (const [from, to] of [
      [tinyLlama(name), first],
      [first, second],
    ] as const) {
      await using model = await AutoModelForCausalLM.fromPretrained(from)
      expect(model.warnings).toEqual([])
      await model.savePretrained(to)
    }
    const [ours, theirs] = await Promise.all(
      [first, tinyLlama(name.replace('-sharded', ''))].map((model) =>
        readTensorFile(join(model, 'model.safetensors')),
      ),
    )
    expect([...ours!.tensors]).toEqual([...theirs!.tensors])
    await expectSameFolder(second, first)
  })
})

function choices(logits: Float32Array, vocabulary: number): number[] {
  return Array.from({ length: logits.length / vocabulary }, (_, row) => {
    const values = logits.subarray(row * vocabulary, (row + 1) * vocabulary)
    return values.indexOf(Math.max(...values))
  })
}

test('four bits stay four bits where memory is low: nothing is rounded but the head and what it reads', async () => {
  const ids = await readIntegers(expectedFile, 'input_ids')
  await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama('bnb-nf4-dq'), { memory: 'low' })
  const { logits } = await model.forward({ inputIds: [ids] })
  expect(largestDifference(logits, await expectedLogits('bnb_nf4_dq'))).toBeLessThan(0.1)
})

test('shards that cut through the parts of a weight have its tensors', async () => {
  const out = join(folder, 'shards')
  const quantizationConfig = recipes['nf4-double-quant']!()
  await quantizeModel(tinyLlama('fp32'), out, { quantizationConfig, maxShardBytes: 40_000 })
  const again = join(folder, 'joined')
  await using model = await AutoModelForCausalLM.fromPretrained(out)
  await model.savePretrained(again)
  expect(Buffer.compare(await fileOf(again), await fileOf(tinyLlama('bnb-nf4-dq')))).toBe(0)
})

describe('skip lists', () => {
  const skipped = async (options: BitsAndBytesOptions) => {
    const quantizationConfig = new BitsAndBytesConfig({ loadIn8bit: true, ...options })
    await using model = await AutoModelForCausalLM.fromPretrained(tinyLlama('fp32'), { quantizationConfig })
    const saved = model.quantization!.config.llm_int8_skip_modules
    return { modules: model.quantization!.skipped.map(({ module }) => module), saved }
  }

  test('a list adds to the defaults, and is saved resolved', async () => {
    const modules = ['model.layers.1.mlp.down_proj', 'lm_head']
    expect(await skipped({ llmInt8SkipModules: ['layers.1.mlp.down_proj'] })).toEqual({
      modules,
      saved: modules,
    })
  })

  test('a list may replace them, even by nothing', async () => {
    expect(await skipped({ llmInt8SkipModules: [], replaceDefaults: true })).toEqual({
      modules: [],
      saved: [],
    })
  })

  test('fp16 weights leave every layer in float, and say so', async () => {
    expect((await skipped({ llmInt8HasFp16Weight: true })).modules).toHaveLength(15)
  })
})

describe('the demo model', () => {
  test('takes at most 4.6 bits per quantized weight with double quantization', async () => {
    const out = join(folder, 'demo')
    const result = await quantizeModel(demoModel, out, { quantizationConfig: recipes['nf4-double-quant']!() })
    const { tensors } = await readTensorFile(join(out, 'model.safetensors'))
    const names = [...tensors.keys()]
    const bytes = (name: string) => tensors.get(name)!.bytes.byteLength
    const parts = result.quantized.flatMap((path) =>
      names.filter((name) => name.startsWith(`${path}.weight`)),
    )
    const weights = result.quantized.reduce((sum, path) => sum + 2 * bytes(`${path}.weight`), 0)
    const bits = (8 * parts.reduce((sum, name) => sum + bytes(name), 0)) / weights
    expect(bits).toBeGreaterThan(4)
    expect(bits).toBeLessThan(4.6)
  })

  test('diverges little as nf4, and hardly more when computed fast', async () => {
    const quantizationConfig = recipes.nf4!()
    const float = await logProbabilities(demoModel, { compute: 'exact' })
    const found = await logProbabilities(demoModel, { quantizationConfig, compute: 'exact' })
    const exact = divergence(float, found)
    const fast = divergence(float, await logProbabilities(demoModel, { quantizationConfig }))
    expect(exact).toBeLessThan(2.6e-4)
    expect(fast).toBeLessThan(1.2 * exact)
  })
})
