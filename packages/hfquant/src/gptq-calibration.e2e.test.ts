import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { GPTQConfig, type GPTQConfigOptions } from '@hfquant/gptq'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test, vi } from 'vitest'
import { demoModel, storyList } from './demo/index.js'
import { AutoModelForCausalLM, AutoTokenizer, quantizeModel, recipe } from './index.js'

// Some tests calibrate several times, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const folder = testFolder()
const at = (name: string): string => join(folder, name)

describe('calibration data', () => {
  const stories = storyList({ seed: 3, stories: 12 })
  /** Two layers of a block say as much as all of them about the data. */
  const dynamic = { '-:.*(mlp|[qk]_proj)': {} }
  const quantizeDemo = async (out: string, options: Partial<GPTQConfigOptions>) => {
    const quantizationConfig = new GPTQConfig({
      bits: 4,
      groupSize: 32,
      samples: 4,
      sequenceLength: 64,
      dynamic,
      ...options,
    })
    await quantizeModel(demoModel, at(out), { quantizationConfig })
  }

  test.each<[string, Partial<GPTQConfigOptions>, object]>([
    ['none', {}, { code: 'CALIBRATION_MISSING', field: 'dataset' }],
    ['a few tokens', { dataset: [[1, 2, 3]] }, { code: 'CALIBRATION_TOO_SHORT', found: 3 }],
  ])('%s is refused, and nothing is left behind', async (_name, options, error) => {
    await expect(quantizeDemo('refused', options)).rejects.toMatchObject(error)
    expect(readdirSync(folder).filter((name) => name.includes('refused'))).toEqual([])
  })

  test('a group size that does not divide is refused by name', async () => {
    await expect(quantizeDemo('refused', { dataset: stories, groupSize: 96 })).rejects.toMatchObject({
      code: 'GROUP_SIZE',
      // Those with a grid of their own are checked first, whichever that is.
      module: expect.stringMatching(/^model\.layers\.0\.self_attn\.[qkv]_proj$/),
      found: 96,
    })
  })

  test('recipes calibrate on it and beat rounding to nearest on the same grid', async () => {
    const options = { calibration: stories, samples: 16, sequenceLength: 128 }
    const tokenizer = await AutoTokenizer.fromPretrained(demoModel)
    const inputIds = [tokenizer.encode(storyList({ seed: 2, stories: 1 })[0]!)]
    const logits = async (model: string) => {
      await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact' })
      return (await loaded.forward({ inputIds: inputIds.map((ids) => [...ids]) })).logits
    }
    const wanted = await logits(demoModel)
    const errorOf = async (name: string) => {
      await quantizeModel(demoModel, at(name), { quantizationConfig: await recipe(name, options) })
      const found = await logits(at(name))
      return found.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0)
    }
    expect(await errorOf('gptq-int3-g32')).toBeLessThan(0.8 * (await errorOf('rtn-int3-g32')))
  })
})
