import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AutoModelForCausalLM } from './index.js'
import { golden, readFloats, readIntegers, relativeError } from './testing/golden.fixture.js'

/** Mixtures of experts are no dense decoders. */
const LATER = ['qwen3_moe']
const architectures = readdirSync(golden('architectures'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !LATER.includes(entry.name))
  .map(({ name }) => name)

describe.each(architectures)('%s of the Python library', (name) => {
  const folder = golden(`architectures/${name}`)
  const expected = join(folder, 'expected.safetensors')

  test('has the same logits, and decodes the same tokens with the key/value cache', async () => {
    const flat = await readIntegers(expected, 'input_ids') // [2, 24]
    await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
    const { logits, shape } = await model.forward({ inputIds: [flat.slice(0, 24), flat.slice(24)] })
    const wanted = await readFloats(expected, 'logits')
    expect(shape).toEqual([2, 24, wanted.length / 48])
    expect(relativeError(logits, wanted)).toBeLessThan(2e-5)

    const greedy = await readIntegers(expected, 'greedy') // 8 of the prompt, 16 generated
    const tokens: number[] = []
    const options = { maxNewTokens: 16, temperature: 0, ignoreEos: true }
    for await (const { tokenId } of model.generate({ inputIds: greedy.slice(0, 8) }, options))
      tokens.push(tokenId)
    expect(tokens).toEqual(greedy.slice(8))
  })
})
