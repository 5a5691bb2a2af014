import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { relativeError, testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, type CausalLM, type LoadModelOptions, listCompiledModels } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { allTensors, calibrationTokens, float, writeTensors } from './testing/gptq.fixture.js'

/** Keys and values in 16 bits: half the memory, and the same answers but for rounding. */

const folder = testFolder()

/** Four times the largest relative error of rounding to float16, 2e-3: what a logit may differ, as a share of the largest. */
const BOUND = 4 * 2 ** -11

const load = (path: string, options: LoadModelOptions = {}) =>
  AutoModelForCausalLM.fromPretrained(path, { compute: 'exact', kvCacheDtype: 'float16', ...options })

const prompt = (length: number, seed: number, vocabulary = 60) =>
  Array.from({ length }, (_, index) => 3 + ((index * 7 + seed * 11) % vocabulary))

async function answer(model: CausalLM, inputIds: readonly number[]): Promise<number[]> {
  const tokens: number[] = []
  const options = { maxNewTokens: 20, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds }, options)) tokens.push(tokenId)
  return tokens
}

/** The likeliest tokens, each found by reading everything before it anew: what a cache must not change. */
async function uncached(model: CausalLM, inputIds: readonly number[], count: number): Promise<number[]> {
  const ids = [...inputIds]
  while (ids.length < inputIds.length + count) {
    const { logits, shape } = await model.forward({ inputIds: [ids] })
    const last = logits.subarray(-shape[2])
    ids.push(last.indexOf(Math.max(...last)))
  }
  return ids.slice(inputIds.length)
}

describe.each(['llama', 'llama-tied-rope3', 'llama-bias'])('golden architecture %s', (name) => {
  const path = golden(`architectures/${name}`)

  test('float16 changes logits by a few roundings, and takes half the bytes', async () => {
    const inputIds = [prompt(60, 1), prompt(60, 2)]
    await using full = await load(path, { kvCacheDtype: 'float32' })
    await using half = await load(path)
    const [wanted, found] = [await full.forward({ inputIds }), await half.forward({ inputIds })]
    const error = relativeError(found.logits, wanted.logits)
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(BOUND)
    expect(await answer(half, inputIds[0]!)).toEqual(await answer(full, inputIds[0]!))
    const bytes = async (model: CausalLM) => (await model.memoryUsage()).keyValueCaches.total
    expect(await bytes(half)).toBe((await bytes(full)) / 2)
  })

  test('sequences together, late and continued, say what each says without a cache', async () => {
    const prompts = [1, 9, 4, 30].map((length, seed) => prompt(length, seed))
    await using model = await load(path)
    const late = answer(model, prompts[0]!).then(() => answer(model, prompts[1]!))
    const together = await Promise.all([late, ...prompts.slice(2).map((inputIds) => answer(model, inputIds))])
    const continued = [...prompts[3]!, ...together[2]!, 3, 4]
    expect(await answer(model, continued)).toEqual(await uncached(model, continued, 20))
    for (const [index, said] of together.entries()) {
      expect(said).toEqual(await uncached(model, prompts[index + 1]!, 20))
    }
  })
})

test('a model compiled for one dtype is not taken for the other', async () => {
  const compiles = async (options: LoadModelOptions) => {
    const stages = new Set<string>()
    await using model = await load(demoModel, { ...options, onProgress: ({ stage }) => stages.add(stage) })
    await answer(model, prompt(5, 1))
    return stages.has('compile')
  }
  const before = (await listCompiledModels()).length
  expect(await compiles({ kvCacheDtype: 'float16' })).toBe(true)
  expect(await compiles({ kvCacheDtype: 'float32' })).toBe(true)
  expect(await compiles({ kvCacheDtype: 'float16' })).toBe(false)
  // Float32 is the default.
  expect(await compiles({ kvCacheDtype: undefined })).toBe(false)
  expect(await listCompiledModels()).toHaveLength(before + 2)
})

test('calibration does not depend on it', async () => {
  const quantizationConfig = {
    quant_method: 'gptq',
    ...{ bits: 4, group_size: 32, dataset: await calibrationTokens() },
  }
  const saved = async (kvCacheDtype: 'float32' | 'float16') => {
    await using model = await load(float, { quantizationConfig, kvCacheDtype })
    const out = join(folder, `calibrated-${kvCacheDtype}`)
    await model.savePretrained(out)
    return allTensors(out)
  }
  expect(await saved('float16')).toEqual(await saved('float32'))
})

test('values beyond the range of float16 end a generation with a typed error', async () => {
  const out = join(folder, 'large')
  cpSync(golden('architectures/llama-bias'), out, { recursive: true })
  const tensors = await allTensors(out)
  const { bytes } = tensors.get('model.layers.0.self_attn.v_proj.bias')!
  new DataView(bytes.buffer).setFloat32(0, 1e5, true)
  await writeTensors(out, tensors)
  await using full = await load(out, { kvCacheDtype: 'float32' })
  expect(await answer(full, [3, 4])).toHaveLength(20)
  await using half = await load(out)
  await expect(answer(half, [3, 4])).rejects.toMatchObject({ name: 'SamplingError', code: 'LOGITS_INVALID' })
})
