import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTensorFile, relativeError, testFolder } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, exportModel, quantizeModel, recipe } from './index.js'

const folder = testFolder()
const golden = (name: string, file = 'model.gguf') =>
  fileURLToPath(new URL(`../../../goldens/gguf/${name}/${file}`, import.meta.url))

const MODELS = [
  ['tiny-gemma3-q4_0', 'model.gguf'],
  ['tiny-gpt-oss-mxfp4', 'model.gguf'],
  ['tiny-llama-f16-spm', 'model.gguf'],
  ['tiny-llama-q4_k_m', 'model-Q4_K_M.gguf'],
  ['tiny-qwen2-mixed', 'model.gguf'],
  ['tiny-qwen3-q8_0', 'model.gguf'],
  ['tiny-qwen3moe-q4_1', 'model.gguf'],
] as const

async function expectedOf(name: string) {
  const { tensors } = await readTensorFile(golden(name, 'expected.safetensors'))
  const ids = new BigInt64Array(tensors.get('input_ids')!.bytes.slice().buffer)
  return {
    inputIds: [Array.from(ids, Number)],
    logits: new Float32Array(tensors.get('logits')!.bytes.slice().buffer),
  }
}

/** How far logits are from those of Python. */
async function errorOf(name: string, path: string, compute: 'exact' | 'fast' = 'exact'): Promise<number> {
  const { inputIds, logits } = await expectedOf(name)
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute, cache: false })
  return relativeError((await model.forward({ inputIds })).logits, logits)
}

test.each(MODELS)('%s gives the logits of its decoded weights', async (name, file) => {
  const path = golden(name, file)
  expect(await errorOf(name, path)).toBeLessThan(2e-5)
  // Activations are rounded to 8 bits, weights are not rounded again.
  expect(await errorOf(name, path, 'fast')).toBeLessThan(0.02)
})

// Types with and without least values, turned rows, larger norms, stacked and interleaved experts.
test.each([
  ['tiny-llama-q4_k_m', 'model-Q4_K_M.gguf', 4e5],
  ['tiny-qwen2-mixed', 'model.gguf', 1.5e5],
  ['tiny-gemma3-q4_0', 'model.gguf', 1.2e5],
  ['tiny-gpt-oss-mxfp4', 'model.gguf', 1.3e5],
  ['tiny-qwen3moe-q4_1', 'model.gguf', 1.2e5],
] as const)('%s is held in its blocks, and saved as a float folder', async (name, file, most) => {
  const out = join(folder, `saved-${name}`)
  await using model = await AutoModelForCausalLM.fromPretrained(golden(name, file), { cache: false })
  expect(model.quantization?.method).toBe('gguf')
  expect(model.memoryFootprint()).toBeLessThan(most)
  await model.savePretrained(out)
  expect(await readdir(out)).toEqual(expect.arrayContaining(['model.safetensors', 'tokenizer.json']))
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
  expect(config).toMatchObject({ dtype: 'float32' })
  expect(config.quantization_config).toBeUndefined()
  expect(await errorOf(name, out)).toBeLessThan(2e-5)
})

test('a recipe quantizes what blocks stand for, as it does the float folder', async () => {
  const name = 'tiny-gpt-oss-mxfp4'
  const [float, fromFloat, fromBlocks] = ['float', 'from-float', 'from-blocks'].map((each) =>
    join(folder, `${each}-${name}`),
  ) as [string, string, string]
  await quantizeModel(golden(name), float)
  const options = { quantizationConfig: await recipe('int8-weight-only') }
  await quantizeModel(float, fromFloat, options)
  await quantizeModel(golden(name), fromBlocks, options)
  const [expected, found] = await Promise.all(
    [fromFloat, fromBlocks].map((path) => readTensorFile(join(path, 'model.safetensors'))),
  )
  expect(found!.tensors).toEqual(expected!.tensors)
})

test.each(['F16', 'Q4_0'] as const)(
  'a file of %s that was exported is exported again as it was',
  async (type) => {
    const [first, second] = ['first', 'second'].map((each) => join(folder, `${each}-${type}.gguf`)) as [
      string,
      string,
    ]
    const options = { format: 'gguf', type, name: 'demo' } as const
    await exportModel(demoModel, first, options)
    await exportModel(first, second, options)
    expect(Buffer.compare(await readFile(first), await readFile(second))).toBe(0)
  },
)

test('a file gives the text of the folder that it was exported from', async () => {
  const path = join(folder, 'demo.gguf')
  await exportModel(demoModel, path, { format: 'gguf', type: 'F16' })
  const textOf = async (from: string) => {
    await using model = await AutoModelForCausalLM.fromPretrained(from, { cache: false })
    let written = ''
    for await (const { text } of model.generate('Once upon a time', { maxNewTokens: 40, temperature: 0 })) {
      written += text
    }
    return written
  }
  const text = await textOf(path)
  expect(text.length).toBeGreaterThan(80)
  expect(text).toBe(await textOf(demoModel))
})
