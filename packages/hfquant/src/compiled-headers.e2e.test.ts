import { createHash } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { GPTQConfig } from '@hfquant/gptq'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, listCompiledModels, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'
import {
  changeConfig,
  copyOf,
  MODEL,
  newFolder,
  overwriteWeights,
  saved,
  start,
  useOwnCaches,
} from './testing/starts.fixture.js'

useOwnCaches()
afterEach(() => vi.unstubAllEnvs())

describe('a start from a compiled model', () => {
  test.each([
    'rtn-int4-g32',
    'gptq/tiny-llama-gptq-w4-g32-desc-act',
    'bitsandbytes/tiny-llama-bnb-nf4-dq',
    'bitsandbytes/tiny-llama-bnb-int8',
    'int8-dynamic-act-int4-weight',
    'int4-weight-only',
  ])('of a quantized model reads headers, and no scale: %s', async (name) => {
    const { folder, blob } = await inHubCache(name.includes('/') ? golden(name) : await quantizedBy(name))
    const cold = await start(folder)
    await overwriteWeights(blob, 0xff)
    const warm = await start(folder)
    expect(warm.logits).toEqual(cold.logits)
    expect(warm.model.quantization).toEqual(cold.model.quantization)
    expect(warm.model.loadingReport).toEqual(cold.model.loadingReport)
    expect(warm.model.warnings).toEqual(cold.model.warnings)
    for (const { model } of [cold, warm]) await model.dispose()
    const read = AutoModelForCausalLM.fromPretrained(folder, { cache: false })
    await expect(read).rejects.toMatchObject({ code: expect.stringMatching(/NOT_FINITE/) })
  })

  test('of a quantized model checks its tensors once they are needed, and again after they were wrong', async () => {
    const { folder, blob } = await inHubCache(golden('gptq/tiny-llama-gptq-w4-g32-desc-act'))
    const { model: cold } = await start(folder)
    const { model } = await start(folder)
    const bytes = readFileSync(blob)
    await overwriteWeights(blob, 0xff)
    await expect(model.savePretrained(newFolder())).rejects.toMatchObject({ code: 'TENSOR_NOT_FINITE' })
    writeFileSync(blob, bytes)
    expect(await saved(model)).toEqual(await saved(cold))
    for (const used of [cold, model]) await used.dispose()
  })

  test.each(['int8-weight-only', 'rtn-int4-g32'])(
    'knows of a head that the config wrongly says is tied: %s',
    async (name) => {
      const folder = copyOf(MODEL)
      changeConfig(folder, { tie_word_embeddings: true })
      const quantizationConfig = await recipe(name)
      const [cold, warm] = [
        await start(folder, { quantizationConfig }),
        await start(folder, { quantizationConfig }),
      ]
      expect(warm.stages).toEqual([])
      expect(cold.model.warnings).toContainEqual(expect.stringContaining('is stored apart'))
      expect(warm.model.warnings).toEqual(cold.model.warnings)
      expect(warm.model.quantization).toEqual(cold.model.quantization)
      expect(warm.logits).toEqual(cold.logits)
      for (const { model } of [cold, warm]) await model.dispose()
    },
  )

  test('whose settings fit the tensors alone, not what headers say, is not kept, and works', async () => {
    const folder = copyOf(MODEL)
    changeConfig(folder, { tie_word_embeddings: true })
    const quantizationConfig = new GPTQConfig({ bits: 4, groupSize: 32, method: 'rtn', lmHead: true })
    const { model } = await start(folder, { quantizationConfig })
    expect(model.quantization?.skipped).toEqual([])
    await model.dispose()
    expect(await listCompiledModels()).toEqual([])
  })
})

async function quantizedBy(name: string): Promise<string> {
  const out = newFolder()
  await using model = await AutoModelForCausalLM.fromPretrained(MODEL, {
    quantizationConfig: await recipe(name),
  })
  await model.savePretrained(out)
  return out
}

/** A copy of a model as it lies in the cache of the Hugging Face hub, where a file is named by its digest. */
async function inHubCache(model: string): Promise<{ folder: string; blob: string }> {
  const hub = newFolder()
  vi.stubEnv('HF_HUB_CACHE', hub)
  const repository = join(hub, 'models--organisation--name')
  const folder = join(repository, 'snapshots', 'c0ffee'.padEnd(40, '0'))
  cpSync(model, folder, { recursive: true })
  const blob = join(repository, 'blobs', createHash('sha256').update(model).digest('hex'))
  await mkdir(join(repository, 'blobs'))
  await rename(join(folder, 'model.safetensors'), blob)
  await symlink(blob, join(folder, 'model.safetensors'))
  return { folder, blob }
}
