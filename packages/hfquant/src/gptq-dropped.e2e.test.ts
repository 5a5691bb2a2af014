import { join } from 'node:path'
import { GPTQConfig, type GPTQConfigOptions } from '@hfquant/gptq'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { quantizeModel } from './index.js'
import { calibrationTokens, poisoned, tensorDigests } from './testing/gptq.fixture.js'

const folder = testFolder()
const at = (name: string): string => join(folder, name)

/** The token that makes the activations infinite; the goldens' calibration tokens do without it. */
const BAD = 3
/** Sequences of another length than the goldens', so that they are run by themselves. */
const badSequences = (count: number) => Array.from({ length: count }, () => Array(31).fill(BAD))
const goodSequences = async () =>
  (await calibrationTokens()).map((ids) => ids.map((id) => (id === BAD ? BAD + 1 : id)))

async function quantizeWith(out: string, dataset: number[][], options: Partial<GPTQConfigOptions> = {}) {
  const model = await poisoned(at('poisoned'), BAD)
  const samples = Math.max(1, dataset.length)
  const quantizationConfig = new GPTQConfig({ bits: 4, groupSize: 32, dataset, samples, ...options })
  // float16 cannot hold weights of that size.
  return quantizeModel(model, at(out), { quantizationConfig, dtype: 'float32' })
}

describe('calibration sequences that make the activations infinite', () => {
  test('are left out with a warning that names them, and the others count as if there were no more', async () => {
    const good = await goodSequences()
    const { warnings } = await quantizeWith('mixed', [...good, ...badSequences(2)])
    expect(warnings).toEqual([
      expect.stringMatching(
        /^calibration sequences 12 to 13 are left out from here on: .* model\.layers\.0\.self_attn\.q_proj, .* not finite/,
      ),
      ...(await quantizeWith('alone', good)).warnings,
    ])
    expect(await tensorDigests(at('mixed'))).toEqual(await tensorDigests(at('alone')))
  })

  test('leave modules that saw less than 0.5 % of the tokens rounded to nearest, and name each', async () => {
    const few = (await goodSequences()).slice(0, 1)
    const { warnings } = await quantizeWith('few', [...few, ...badSequences(256)])
    const rounded = warnings.filter((warning) => warning.includes('were rounded to nearest'))
    // One for attention and one for the MLP of each layer.
    expect(rounded).toHaveLength(4)
    const names = ['q', 'k', 'v', 'o'].map((name) => `model.layers.0.self_attn.${name}_proj`)
    expect(rounded[0]).toBe(
      `${names.join(', ')} were rounded to nearest instead of calibrated: it saw 32 of 7968 calibration tokens, expected at least 0.5 %`,
    )
    expect(rounded.join().match(/_proj/g)).toHaveLength(14)
    await quantizeWith('rounded', [], { method: 'rtn' })
    expect(await tensorDigests(at('few'))).toEqual(await tensorDigests(at('rounded')))
  })

  test("end the run instead with fallback: 'error', and nothing is written", async () => {
    const bad = badSequences(4)
    await expect(quantizeWith('none', bad, { fallback: 'error' })).rejects.toMatchObject({
      code: 'CALIBRATION_FAILED',
      module: 'model.layers.0.self_attn.q_proj',
      tensor: 'model.layers.0.self_attn.q_proj.weight',
    })
    await expect(tensorDigests(at('none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
