import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoModel, storyList } from './demo/index.js'
import {
  AutoModelForCausalLM,
  AutoQuantizationConfig,
  inspectModel,
  quantizeModel,
  recipe,
  recipeNames,
} from './index.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-recipes-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

/** Enough for a calibrated recipe to run; the weights that come out of it are not looked at. */
const few = {
  calibration: [Array.from({ length: 64 }, (_, index) => 40 + index)],
  samples: 4,
  sequenceLength: 32,
}

/** As a file holds it: numbers that Python writes as 6.0 are numbers again. */
const asJson = (value: object) => JSON.parse(JSON.stringify(value))

const readConfig = async (folder: string) => JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))

describe.each(await recipeNames())(
  '%s: recipe, config, tensors and recovered config say the same',
  (name) => {
    const out = join(parent, name)

    test('in config.json', async () => {
      const wanted = await recipe(name, few)
      const read = await AutoQuantizationConfig.fromDict(wanted.toDict())
      expect(asJson(read.toDict())).toEqual(asJson(wanted.toDict()))

      await quantizeModel(demoModel, out, { quantizationConfig: wanted })
      const { quantization_config: block } = await readConfig(out)
      const json = asJson(wanted.toDict())
      for (const key of wanted.explicitKeys) expect(block[key], key).toEqual(json[key])

      await using model = await AutoModelForCausalLM.fromPretrained(out)
      expect(asJson(model.quantization!.config)).toEqual(block)
    })

    test('in the tensors alone', async () => {
      const { quantization_config: block, ...config } = await readConfig(out)
      await writeFile(join(out, 'config.json'), JSON.stringify(config))
      rmSync(join(out, 'quantize_config.json'), { force: true })
      const { quantMethod, explicitKeys } = await recipe(name, few)
      if (UNRECOVERABLE.includes(quantMethod)) {
        const refusal = {
          code: 'CONFIG_NOT_RECOVERABLE',
          hint: expect.stringContaining('quantization_config'),
        }
        await expect(inspectModel(out)).rejects.toMatchObject(refusal)
        return
      }
      const { quantization } = await inspectModel(out)
      expect(quantization?.method).toBe(quantMethod)
      for (const key of explicitKeys) expect(quantization?.config[key], key).toEqual(block[key])
    })
  },
)

describe('on the demo model, which was trained without them', () => {
  const stories = storyList({ seed: 2, stories: 3 })

  async function lossOf(options: Parameters<typeof AutoModelForCausalLM.fromPretrained>[1]): Promise<number> {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, options)
    let sum = 0
    for (const story of stories) sum += (await model.perplexity(story)).loss
    return sum / stories.length
  }

  let float: number
  beforeAll(async () => {
    float = await lossOf({})
  })

  test.each([
    'int8-weight-only',
    'int8-dynamic-act-int8-weight',
    'int8-dynamic-act-int4-weight',
    'int4-weight-only',
  ])('%s costs less than 0.05 of loss', async (name) => {
    const difference = (await lossOf({ quantizationConfig: await recipe(name) })) - float
    expect(Math.abs(difference)).toBeLessThan(0.05)
    expect(difference).not.toBe(0)
  })
})

/** Methods whose tensors do not tell how they are stored; without a config they are refused, never guessed. */
const UNRECOVERABLE = ['gptq']
