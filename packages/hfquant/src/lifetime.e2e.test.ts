import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-lifetime-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

test('a model that is disposed of while it saves ends the save, and leaves a complete folder or none', async () => {
  const reference = join(parent, 'reference')
  await using whole = await AutoModelForCausalLM.fromPretrained(demoModel)
  await whole.savePretrained(reference)
  for (let round = 0; round < 8; round++) {
    const out = join(parent, `out-${round}`)
    const model = await AutoModelForCausalLM.fromPretrained(demoModel)
    const saving = model.savePretrained(out).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, round * 3))
    // A second call waits for the first to finish.
    await Promise.all([model.dispose(), model.dispose()])
    const error = await saving
    if (existsSync(out)) {
      const [found, wanted] = [out, reference].map((folder) => readFile(join(folder, 'model.safetensors')))
      expect(Buffer.compare(await found!, await wanted!)).toBe(0)
    } else {
      expect(error).toMatchObject({ code: 'MODEL_DISPOSED' })
    }
  }
})

test('a model may be saved into the folder that it came from, and be used afterwards', async () => {
  const folder = join(parent, 'own')
  await cp(demoModel, folder, { recursive: true })
  await using model = await AutoModelForCausalLM.fromPretrained(folder, {
    quantizationConfig: await recipe('int8-weight-only'),
  })
  await model.savePretrained(folder)
  await model.savePretrained(folder)
  await using again = await AutoModelForCausalLM.fromPretrained(folder)
  const inputIds = [[0, 5, 9]]
  expect((await again.forward({ inputIds })).logits).toEqual((await model.forward({ inputIds })).logits)
})

describe('a float checkpoint whose config.json has a quantization_config', () => {
  async function promised(name: string, quantization_config: object): Promise<string> {
    const folder = join(parent, name)
    await cp(golden('architectures/llama'), folder, { recursive: true })
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config }))
    return folder
  }

  test('is quantized when that is asked for, and refused otherwise', async () => {
    const quantizationConfig = await recipe('int8-weight-only')
    const folder = await promised('block', quantizationConfig.toDict())
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_QUANTIZED',
    })
    await using model = await AutoModelForCausalLM.fromPretrained(folder, { quantizationConfig })
    expect(model.loadingReport.converted).toHaveLength(14)
  })

  test('of an unknown method is loaded as float on request only', async () => {
    const folder = await promised('unknown', { quant_method: 'magic' })
    const loading = AutoModelForCausalLM.fromPretrained(folder)
    await expect(loading).rejects.toMatchObject({
      code: 'QUANT_METHOD_UNKNOWN',
      file: join(folder, 'config.json'),
    })
    await using model = await AutoModelForCausalLM.fromPretrained(folder, { allowUnknownQuantMethod: true })
    expect(model.quantization).toBeUndefined()
  })
})

describe('arguments of the wrong type are typed errors', () => {
  test('of fromPretrained', async () => {
    const loading = AutoModelForCausalLM.fromPretrained(undefined as never)
    await expect(loading).rejects.toMatchObject({ name: 'ConfigError', code: 'MODEL_TYPE' })
  })

  test('of a loaded model', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(golden('architectures/llama'))
    const generate = async (...args: unknown[]) => {
      for await (const _ of model.generate(...(args as Parameters<typeof model.generate>))) break
    }
    await expect(model.forward(undefined as never)).rejects.toMatchObject({ code: 'INPUT_TYPE' })
    await expect(model.forward({} as never)).rejects.toMatchObject({ code: 'INPUT_TYPE' })
    await expect(generate(undefined)).rejects.toMatchObject({ code: 'PROMPT_TYPE' })
    await expect(generate([1, 2])).rejects.toMatchObject({ code: 'PROMPT_TYPE' })
    await expect(generate({ inputIds: [[1, 2]] })).rejects.toMatchObject({ code: 'PROMPT_TYPE' })
    await expect(generate({ inputIds: new DataView(new ArrayBuffer(8)) })).rejects.toMatchObject({
      code: 'PROMPT_TYPE',
    })
    await expect(generate({ inputIds: [2n ** 40n] })).rejects.toMatchObject({ code: 'TOKEN_OUT_OF_RANGE' })
    await expect(generate({ inputIds: [1] }, { seed: 5n })).rejects.toMatchObject({
      code: 'GENERATION_OPTION_INVALID',
      message: expect.stringContaining('seed is 5n'),
    })
    await expect(generate('text')).rejects.toMatchObject({ code: 'TOKENIZER_MISSING' })
    await expect(generate({ inputIds: [1] }, { stop: 'x' })).rejects.toMatchObject({
      code: 'TOKENIZER_MISSING',
    })
    await expect(generate({ inputIds: [1] }, { signal: 1 })).rejects.toMatchObject({ code: 'OPTION_VALUE' })
    await expect(model.savePretrained(undefined as never)).rejects.toMatchObject({ code: 'OUTPUT_TYPE' })
    await expect(model.savePretrained('')).rejects.toMatchObject({ code: 'OUTPUT_UNSUITABLE' })
    await expect(model.savePretrained('x', { maxShard: 1 } as never)).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
    })
  })
})
