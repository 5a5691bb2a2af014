import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSafetensors } from '@hfquant/safetensors'
import { AutoModelForCausalLM } from 'hfquant'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectedOf, largestDifference } from './testing/expected.fixture.js'
import { golden } from './testing/golden.fixture.js'

/**
 * The backend is named by config.json alone: nothing here imports or registers it. A package that holds the model is not
 * imported for it, so the checkpoints lie elsewhere.
 */

const MODELS = ['tiny-llama-hqq-w4-g64', 'tiny-llama-hqq-mixed']
const folder = mkdtempSync(join(tmpdir(), 'hfquant-hqq-'))
const checkpoint = (model: string): string => join(folder, 'checkpoints', model)
const cache = process.env.HFQUANT_CACHE
beforeAll(() => {
  process.env.HFQUANT_CACHE = join(folder, 'cache')
  for (const model of MODELS) cpSync(golden(model), checkpoint(model), { recursive: true })
})
afterAll(() => {
  if (cache === undefined) delete process.env.HFQUANT_CACHE
  else process.env.HFQUANT_CACHE = cache
  rmSync(folder, { recursive: true, force: true })
})

describe.each(MODELS)('%s', (model) => {
  test('has the logits of the reference and continues as it does', async () => {
    const { inputIds, greedyIds, logits } = await expectedOf(model)
    await using loaded = await AutoModelForCausalLM.fromPretrained(checkpoint(model), { compute: 'exact' })
    expect(loaded.quantization?.method).toBe('hqq')
    const found = await loaded.forward({ inputIds: [inputIds] })
    expect(largestDifference(found.logits, logits)).toBeLessThan(1e-4)
    const tokens: number[] = []
    for await (const { tokenId } of loaded.generate(
      { inputIds },
      { maxNewTokens: 16, temperature: 0, ignoreEos: true },
    )) {
      tokens.push(tokenId)
    }
    expect(tokens).toEqual(greedyIds)
  })

  test('computes close to that on the fast path', async () => {
    const { inputIds, logits } = await expectedOf(model)
    await using loaded = await AutoModelForCausalLM.fromPretrained(checkpoint(model))
    const found = await loaded.forward({ inputIds: [inputIds] })
    const difference = largestDifference(found.logits, logits)
    expect(difference).toBeLessThan(1)
    expect(difference).toBeGreaterThan(0)
  })

  test('is saved as it was loaded', async () => {
    const out = join(folder, model)
    await using loaded = await AutoModelForCausalLM.fromPretrained(checkpoint(model))
    await loaded.savePretrained(out)
    expect(await tensorsBelow(out)).toEqual(await tensorsBelow(golden(model)))
    const configOf = async (path: string) =>
      JSON.parse(await readFile(join(path, 'config.json'), 'utf8')).quantization_config
    expect(await configOf(out)).toEqual(await configOf(golden(model)))
  })
})

async function tensorsBelow(path: string): Promise<Record<string, { dtype: string; bytes: string }>> {
  const files = readdirSync(path).filter((name) => /^model.*\.safetensors$/.test(name))
  const tensors: Record<string, { dtype: string; bytes: string }> = {}
  for (const name of files) {
    await using file = await openSafetensors(join(path, name))
    for (const [tensor, { dtype }] of file.tensors) {
      tensors[tensor] = { dtype, bytes: Buffer.from(await file.read(tensor)).toString('base64') }
    }
  }
  return tensors
}
