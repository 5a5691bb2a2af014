import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM } from './index.js'
import { golden } from './testing/golden.fixture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-dtype-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bfloat16 = golden('torchao/tiny-llama/bf16')
const dtypeOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).torch_dtype

/** The tensors of all files of a model, by name. */
async function weights(model: string) {
  const files = (await readdir(model)).filter((name) => /^model.*\.safetensors$/.test(name))
  const read = await Promise.all(files.map((name) => readTensorFile(join(model, name))))
  return new Map(read.flatMap(({ tensors }) => [...tensors]))
}

async function resave(source: string, name: string, dtype: string): Promise<string> {
  const out = join(folder, name)
  await using model = await AutoModelForCausalLM.fromPretrained(source, { dtype })
  await model.savePretrained(out)
  return out
}

describe('dtype', () => {
  test.each([
    ['fp16', 'F16', 'float16'],
    ['Half', 'F16', 'float16'],
    ['BF16', 'BF16', 'bfloat16'],
    ['float', 'F32', 'float32'],
  ])('%s is the precision that a float model is read in, used and saved in', async (dtype, stored, named) => {
    const out = await resave(bfloat16, `float-${dtype}`, dtype)
    const tensors = [...(await weights(out)).values()]
    expect(new Set(tensors.map((tensor) => tensor.dtype))).toEqual(new Set([stored]))
    expect(await dtypeOf(out)).toBe(named)
  })

  test('casts while reading: nothing is read, or held, before a weight is used', async () => {
    await using wide = await AutoModelForCausalLM.fromPretrained(bfloat16, { dtype: 'fp32' })
    await using narrow = await AutoModelForCausalLM.fromPretrained(bfloat16, { dtype: 'fp16' })
    expect(wide.memoryFootprint()).toBe(2 * narrow.memoryFootprint())
    for (const model of [wide, narrow]) expect(model.loadingReport.converted).toEqual([])
  })

  test('once more changes nothing', async () => {
    const once = await resave(bfloat16, 'once', 'fp16')
    const twice = await resave(once, 'twice', 'fp16')
    for (const file of ['model.safetensors', 'config.json']) {
      expect(await readFile(join(twice, file))).toEqual(await readFile(join(once, file)))
    }
  })

  test('of values that narrow exactly, and back, loses nothing', async () => {
    const wide = await resave(bfloat16, 'wide', 'fp32')
    const back = await resave(wide, 'back', 'bf16')
    expect(await weights(back)).toEqual(await weights(bfloat16))
  })
})

describe.each([
  ['torchao', golden('torchao/tiny-llama/int8-weight-only')],
  ['bitsandbytes', golden('bitsandbytes/tiny-llama-bnb-nf4-dq')],
  ['gptq', golden('gptq/tiny-llama-gptq-w4-g64-sym')],
])('dtype of a quantized model (%s)', (method, source) => {
  test('applies to what is not quantized; codes, scales and every other part stay as they are', async () => {
    const out = await resave(source, `quantized-${method}`, 'fp32')
    const [before, after] = [await weights(source), await weights(out)]
    const isPart = (name: string) => /_proj\./.test(name)
    for (const [name, tensor] of after) {
      if (isPart(name)) expect(tensor, name).toEqual(before.get(name))
      else expect(tensor.dtype, name).toBe('F32')
    }
    expect([...after.keys()].filter(isPart)).not.toEqual([])
  })

  test('is what its weights are restored in', async () => {
    const out = join(folder, `restored-${method}`)
    await using model = await AutoModelForCausalLM.fromPretrained(source, { dtype: 'fp16' })
    await model.dequantize()
    await model.savePretrained(out)
    expect((await weights(out)).get('model.layers.0.mlp.up_proj.weight')?.dtype).toBe('F16')
  })
})

test('an argument that is no precision is refused before anything is looked for', async () => {
  const loading = AutoModelForCausalLM.fromPretrained('./no-such-folder', { dtype: 'int8' })
  await expect(loading).rejects.toMatchObject({
    code: 'DTYPE_NOT_FLOATING',
    message: expect.stringContaining('not a floating-point type'),
    hint: expect.stringContaining("quantize: 'int8'"),
  })
})
