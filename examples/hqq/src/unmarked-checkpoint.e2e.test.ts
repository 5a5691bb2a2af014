import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoModelForCausalLM, registerQuantizer } from 'hfquant'
import { hqq } from 'hfquant-backend-hqq'
import { afterAll, describe, expect, test } from 'vitest'
import { expectedOf, largestDifference } from './testing/expected.fixture.js'
import { golden } from './testing/golden.fixture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-hqq-'))
process.env.HFQUANT_CACHE = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const model = 'tiny-llama-hqq-lib-w4-g64-axis0-f16'

/** Written by the library itself: config.json has no quantization_config, the file no metadata. */
describe('a checkpoint that does not say what it is', () => {
  test('is taken for a damaged one as long as nobody registers the method', async () => {
    await expect(AutoModelForCausalLM.fromPretrained(golden(model))).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
    })
  })

  test('is recognized by its tensors once the method is registered', async () => {
    registerQuantizer(hqq)
    const { inputIds, logits } = await expectedOf(model)
    await using loaded = await AutoModelForCausalLM.fromPretrained(golden(model), { compute: 'exact' })
    expect(loaded.quantization?.method).toBe('hqq')
    const found = await loaded.forward({ inputIds: [inputIds] })
    expect(largestDifference(found.logits, logits)).toBeLessThan(1e-4)

    const out = join(folder, 'again')
    await loaded.savePretrained(out)
    await using again = await AutoModelForCausalLM.fromPretrained(out, { compute: 'exact' })
    expect((await again.forward({ inputIds: [inputIds] })).logits).toEqual(found.logits)
  })
})
