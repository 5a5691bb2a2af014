import { describeModel } from '@hfquant/models'
import { TINY_LLAMA, testFolder, tinyConfig, writeTinyModel } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { AutoModelForCausalLM } from './index.js'

const folder = testFolder()

test('a head of 20 channels is 20 to a definition; that the runtime takes 24 is its own business', async () => {
  const config = { ...tinyConfig(TINY_LLAMA), head_dim: 20 }
  const { facts } = await describeModel(config, async () => ({}))
  expect(facts.layers[0]).toMatchObject({ kind: 'kv', headSize: 20 })

  const path = await writeTinyModel(folder, config)
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact' })
  const prompt = [5, 9, 33, 2, 71]
  const tokens: number[] = []
  const options = { maxNewTokens: 6, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds: prompt }, options)) tokens.push(tokenId)
  // What is decoded from the cache is what the whole sequence gives at once.
  const { logits } = await model.forward({ inputIds: [[...prompt, ...tokens]] })
  const likeliest = (row: number) => {
    const values = logits.subarray(row * 96, (row + 1) * 96)
    return values.indexOf(Math.max(...values))
  }
  expect(tokens.map((_, index) => likeliest(prompt.length - 1 + index))).toEqual(tokens)
})
