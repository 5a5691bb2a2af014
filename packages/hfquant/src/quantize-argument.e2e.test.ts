import { channel } from 'node:diagnostics_channel'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BitsAndBytesConfig } from '@hfquant/bitsandbytes'
import { Int8WeightOnlyConfig, TorchAoConfig } from '@hfquant/torchao'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  AutoModelForCausalLM,
  type CausalLM,
  INFO_CHANNEL,
  type InfoEvent,
  quantizeModel,
  recipe,
} from './index.js'
import { golden, largestDifference, readAll, readFloats, readIntegers } from './testing/golden.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-quantize-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const float = golden('torchao/tiny-llama/bf16')
const int8 = golden('torchao/tiny-llama/int8-weight-only')
const inputIds = [[1, 17, 42, 5, 99, 63, 7, 120]]

/** The models are tiny: more workers would only take longer to start. */
const load = (model: string, options: Parameters<typeof AutoModelForCausalLM.fromPretrained>[1] = {}) =>
  AutoModelForCausalLM.fromPretrained(model, { workers: 1, ...options })

let said: string[] = []
const listen = (event: unknown) => {
  const { message } = event as InfoEvent
  // What is found in a file is said as well, and only the first time.
  if (message.includes('as asked')) said.push(message)
}
beforeEach(() => {
  said = []
  channel(INFO_CHANNEL).subscribe(listen)
})
afterEach(() => channel(INFO_CHANNEL).unsubscribe(listen))

async function saved(model: CausalLM, name: string): Promise<readonly Buffer[]> {
  const out = join(parent, name)
  await model.savePretrained(out)
  return Promise.all(['model.safetensors', 'config.json'].map((file) => readFile(join(out, file))))
}

test('a float model that nobody asks to quantize is read and written as it was', async () => {
  await using plain = await load(float)
  await using told = await load(float, { quantize: null, quantizationConfig: null })
  const [weights, config] = await saved(plain, 'plain-float')
  expect(await saved(told, 'told-float')).toEqual([weights, config])
  expect(JSON.parse(config!.toString())).toEqual(
    JSON.parse(await readFile(join(float, 'config.json'), 'utf8')),
  )
  const [ours, theirs] = await Promise.all(
    [join(parent, 'plain-float'), float].map((folder) => readAll(join(folder, 'model.safetensors'))),
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

/** Values that are no quantization, and what the error points at. */
const refusals: readonly (readonly [value: unknown, code: string, hint: string])[] = [
  [true, 'QUANTIZE_TYPE', "dtype: 'float16' or 'bfloat16'"],
  ['fp16', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'fp16'"],
  ['Half', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'Half'"],
  ['bf16', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'bf16'"],
  ['float32', 'PRECISION_IS_NOT_QUANTIZATION', "dtype: 'float32'"],
  ['int4', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  ['nf4', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  ['', 'QUANTIZE_UNKNOWN', 'quantizationConfig'],
  [false, 'QUANTIZE_TYPE', "quantize: 'int8'"],
  [1, 'QUANTIZE_TYPE', "quantize: 'int8'"],
  [[], 'QUANTIZE_TYPE', "quantize: 'int8'"],
]

describe.each(refusals)('quantize %j', (value, code, hint) => {
  const refused = { code, field: 'quantize', hint: expect.stringContaining(hint) }

  test('is refused while loading, before anything is looked for', async () => {
    await expect(load('./no-such-folder', { quantize: value as string })).rejects.toMatchObject(refused)
  })

  test('is refused after loading', async () => {
    await using model = await load(float)
    await expect(model.quantize(value as string)).rejects.toMatchObject(refused)
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

describe('a model that exists only compiled', () => {
  const compiled = join(parent, 'compiled')

  test.each([
    ['without further arguments', {}],
    ['with a quantization', { quantize: 'int8' }],
    ['with a value that would be refused otherwise', { quantize: 'fp16' }],
    ['with one of a wrong type', { quantize: true }],
    ['with an unknown option', { quantise: 'int8' }],
  ])('is refused as such first, %s', async (_what, options) => {
    await cp(float, compiled, { recursive: true })
    await rm(join(compiled, 'model.safetensors'))
    await rm(join(compiled, 'expected_logits.safetensors'))
    mkdirSync(join(compiled, 'onnx'), { recursive: true })
    writeFileSync(join(compiled, 'onnx', 'model.onnx'), '')
    await expect(load(compiled, options as object)).rejects.toMatchObject({
      name: 'CapabilityError',
      code: 'MODEL_COMPILED_ONLY',
      file: join(compiled, 'onnx', 'model.onnx'),
      hint: expect.stringContaining('Quantize the checkpoint'),
    })
  })

  test('is not the same as a model that has a compiled copy beside its weights', async () => {
    const both = join(parent, 'both')
    await cp(float, both, { recursive: true })
    writeFileSync(join(both, 'model.onnx'), '')
    await using model = await load(both)
    expect(model.quantization).toBeUndefined()
  })
})

describe('quantizeLmHead', () => {
  test.each(['int8-weight-only', 'nf4', 'rtn-int4-g32'])(
    'quantizes the head of an untied model: %s',
    async (name) => {
      const out = join(parent, `head-${name}`)
      const quantizationConfig = await recipe(name)
      const { quantized, skipped } = await quantizeModel(float, out, {
        quantizationConfig,
        quantizeLmHead: true,
      })
      expect(quantized).toContain('lm_head')
      expect(skipped).toEqual([])
      await using made = await load(float, { quantizationConfig, quantizeLmHead: true, compute: 'exact' })
      await using stored = await load(out, { compute: 'exact' })
      expect(stored.quantization?.skipped).toEqual([])
      expect(stored.quantization?.config).toEqual(made.quantization?.config)
    },
  )

  test('leaves a head alone that shares its weight with the embedding', async () => {
    const tied = golden('architectures/llama-tied-rope3')
    const names = ['int8-weight-only', 'rtn-int4-g32']
    for (const name of names) {
      await using model = await load(tied, { quantizationConfig: await recipe(name), quantizeLmHead: true })
      expect(model.quantization?.skipped.map(({ module }) => module)).toEqual(['lm_head'])
    }
  })

  test.each([
    ['without a quantization', float, { quantizeLmHead: true }, 'OPTION_VALUE'],
    ['that is no boolean', float, { quantize: 'int8', quantizeLmHead: 1 as never }, 'OPTION_VALUE'],
    ['of a quantized model', int8, { quantize: 'int8', quantizeLmHead: true }, 'MODEL_QUANTIZED'],
  ])('%s is refused', async (_what, source, options, code) => {
    await expect(load(source, options)).rejects.toMatchObject({ code, field: 'quantizeLmHead' })
  })
})
