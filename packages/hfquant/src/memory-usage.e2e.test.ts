import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { cp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  AutoModelForCausalLM,
  type CausalLM,
  cacheFolder,
  listCompiledModels,
  recipe,
  removeCompiledModels,
} from './index.js'
import { golden } from './testing/golden.fixture.js'
import { torchFile } from './testing/torch-file.fixture.js'

const root = mkdtempSync(join(tmpdir(), 'hfquant-memory-'))
let cache: string
beforeEach(() => {
  cache = mkdtempSync(join(root, 'cache-'))
  vi.stubEnv('HFQUANT_CACHE', cache)
})
afterEach(() => void vi.unstubAllEnvs())
afterAll(() => rmSync(root, { recursive: true, force: true }))

const MODEL = golden('gptq/tiny-llama-fp32')
const INPUT = { inputIds: [[0, 17, 42]] }
const NOTHING = { fileSize: 0, mapped: 0, resident: 0, proportional: 0 }
const isLinux = process.platform === 'linux'

/** A file of the one compiled model in the cache. */
async function weightsFile(): Promise<string> {
  const [compiled] = await listCompiledModels()
  return join(cacheFolder(), 'artifacts', compiled!.id, 'weights.bin')
}

/** Generates four tokens after a prompt that no other seed shares a beginning with. */
async function generate(model: CausalLM, seed: number, atFirst = async () => {}): Promise<void> {
  const inputIds = Array.from({ length: 24 }, (_, index) => (index * 5 + seed) % 100)
  let pieces = 0
  for await (const _ of model.generate({ inputIds }, { maxNewTokens: 4, ignoreEos: true })) {
    pieces += 1
    if (pieces === 1) await atFirst()
  }
}

describe('parameters', () => {
  test('of a float model lie in the checkpoint, where they stay', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    const total = model.memoryFootprint()
    const places = { total, inCheckpoint: total, inScratchFiles: 0, inMemory: 0, notLoaded: 0 }
    expect((await model.memoryUsage()).parameters).toEqual(places)
    await model.forward(INPUT)
    expect((await model.memoryUsage()).parameters).toEqual(places)
  })

  test('that quantizing makes lie in memory, and what it leaves as it was in the checkpoint', async () => {
    const quantizationConfig = await recipe('int8-weight-only')
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL, { quantizationConfig })
    // Codes, and a scale and a zero point for each row, of 7 projections in each of 2 layers: q, k, v, o, gate, up, down.
    const [rows, values] = [64 + 32 + 32 + 64 + 128 + 128 + 64, 2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64]
    const total = model.memoryFootprint()
    const { parameters } = await model.memoryUsage()
    expect(parameters.inMemory).toBe(2 * (values + (4 + 1) * rows))
    expect(parameters).toEqual({
      ...{ total, inCheckpoint: total - parameters.inMemory, inScratchFiles: 0 },
      ...{ inMemory: parameters.inMemory, notLoaded: 0 },
    })
    await model.dequantize()
    const restored = await model.memoryUsage()
    expect(restored.parameters.inMemory).toBe(2 * 4 * values)
    expect(restored.parameters.total).toBe(model.memoryFootprint())
  })

  test('of a model that was compiled before are not loaded until somebody asks for them', async () => {
    const quantizationConfig = await recipe('nf4-double-quant')
    const load = () => AutoModelForCausalLM.fromPretrained(MODEL, { quantizationConfig })
    await using cold = await load()
    await cold.forward(INPUT)
    await using warm = await load()
    await warm.forward(INPUT)
    const total = warm.memoryFootprint()
    expect((await warm.memoryUsage()).parameters).toEqual({
      ...{ total, inCheckpoint: 0, inScratchFiles: 0, inMemory: 0, notLoaded: total },
    })
    await warm.savePretrained(join(cache, 'saved'))
    expect((await warm.memoryUsage()).parameters).toEqual((await cold.memoryUsage()).parameters)
  })

  test('that a checkpoint holds transposed lie in a scratch file', async () => {
    const folder = mkdtempSync(join(root, 'torch-'))
    await cp(golden('torchao/tiny-llama/bf16'), folder, { recursive: true })
    const { tensors } = await readTensorFile(join(folder, 'model.safetensors'))
    await rm(join(folder, 'model.safetensors'))
    const turned = 'model.layers.0.self_attn.q_proj.weight'
    const views = [...tensors].map(([name, { shape }]) => {
      const stride = name === turned ? { stride: [1, shape[0]!] } : {}
      return [name, { storage: name, shape, ...stride }] as const
    })
    const storages = [...tensors].map(([name, { bytes }]) => [name, { dtype: 'BF16', bytes }] as const)
    const file = torchFile(Object.fromEntries(views), Object.fromEntries(storages))
    await writeFile(join(folder, 'pytorch_model.bin'), file)
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    const { parameters } = await model.memoryUsage()
    expect(parameters.inScratchFiles).toBe(tensors.get(turned)!.bytes.byteLength)
    expect(parameters.inCheckpoint).toBe(parameters.total - parameters.inScratchFiles)
  })
})

describe('the compiled model', () => {
  test('takes nothing before the first use, nor while it is made; then its file is mapped', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    expect((await model.memoryUsage()).compiled).toEqual(NOTHING)
    const first = model.forward(INPUT)
    expect((await model.memoryUsage()).compiled).toEqual(NOTHING)
    await first
    const { compiled } = await model.memoryUsage()
    expect(compiled.fileSize).toBe(statSync(await weightsFile()).size)
    if (!isLinux) {
      expect(compiled).toMatchObject({ mapped: null, resident: null, proportional: null })
      return
    }
    expect(compiled.mapped).toBeGreaterThan(0)
    expect(compiled.mapped).toBeLessThanOrEqual(compiled.fileSize)
    expect(compiled.resident).toBeGreaterThan(0)
    expect(compiled.resident).toBeLessThanOrEqual(compiled.mapped!)
    expect(compiled.proportional).toBeGreaterThan(0)
    expect(compiled.proportional).toBeLessThanOrEqual(compiled.resident!)
  })

  test('counts once for two models of a process, and by halves for two processes', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    await model.forward(INPUT)
    const alone = (await model.memoryUsage()).compiled
    {
      await using second = await AutoModelForCausalLM.fromPretrained(MODEL)
      await second.forward(INPUT)
      expect((await second.memoryUsage()).compiled.mapped).toBe(alone.mapped)
    }
    const program = fileURLToPath(new URL('./testing/hold-model.mjs', import.meta.url))
    const other = fork(program, [MODEL])
    await once(other, 'message')
    const { mapped, resident, proportional } = (await model.memoryUsage()).compiled
    other.disconnect()
    await once(other, 'exit')
    expect(mapped).toBe(alone.mapped)
    if (isLinux) expect(proportional! / resident!).toBeLessThan(0.75)
  })

  test('is still mapped when it is removed from the cache, or was never kept there', async () => {
    await using kept = await AutoModelForCausalLM.fromPretrained(MODEL)
    await kept.forward(INPUT)
    const before = (await kept.memoryUsage()).compiled
    if (process.platform !== 'win32') {
      await removeCompiledModels(MODEL)
      expect(await listCompiledModels()).toEqual([])
    }
    expect((await kept.memoryUsage()).compiled.mapped).toBe(before.mapped)
    await using apart = await AutoModelForCausalLM.fromPretrained(MODEL, { cache: false })
    await apart.forward(INPUT)
    const { compiled } = await apart.memoryUsage()
    expect(compiled.fileSize).toBeGreaterThan(0)
    if (isLinux) expect(compiled.mapped).toBeGreaterThan(0)
  })

  test('is let go when the weights change', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    await generate(model, 1)
    await model.quantize('int8')
    const { compiled, keyValueCaches } = await model.memoryUsage()
    expect({ compiled, keyValueCaches }).toEqual({
      compiled: NOTHING,
      keyValueCaches: { total: 0, kept: 0 },
    })
  })
})

describe('key/value caches', () => {
  test('grow with sequences, and are kept for prompts that begin alike', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(MODEL)
    const caches = async () => (await model.memoryUsage()).keyValueCaches
    await model.forward(INPUT)
    expect(await caches()).toEqual({ total: 0, kept: 0 })
    await generate(model, 1, async () => {
      // Keys and values of 2 layers and 2 heads of 16, for 256 positions.
      expect(await caches()).toEqual({ total: 2 * 2 * 2 * 16 * 256 * 4, kept: 0 })
    })
    const one = await caches()
    expect(one.kept).toBe(one.total)
    await generate(model, 1)
    expect(await caches()).toEqual(one)
    await generate(model, 2)
    expect(await caches()).toEqual({ total: 2 * one.total, kept: 2 * one.total })
  })
})

test('it is plain JSON, and refused after dispose, when nothing is mapped any more', async () => {
  const model = await AutoModelForCausalLM.fromPretrained(MODEL)
  await generate(model, 1)
  const usage = await model.memoryUsage()
  expect(JSON.parse(JSON.stringify(usage))).toEqual(usage)
  const isMapped = () => readFileSync('/proc/self/maps', 'utf8').includes(cache)
  if (isLinux) expect(isMapped()).toBe(true)
  await model.dispose()
  await expect(model.memoryUsage()).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
  if (isLinux) expect(isMapped()).toBe(false)
})
