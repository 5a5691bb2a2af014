import { expect, test } from 'vitest'
import { AutoModelForCausalLM, type CausalLM } from './index.js'
import { golden } from './testing/golden.fixture.js'

/** A window of 8 tokens; gemma3 has layers without one, too. */
const models = ['mistral-window', 'gemma3_text']

const prompt = (length: number, seed: number) => Array.from({ length }, (_, at) => (at * 7 + seed * 11) % 50)

async function decode(model: CausalLM, inputIds: readonly number[], count: number): Promise<number[]> {
  const tokens = [...inputIds]
  const options = { maxNewTokens: count, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds }, options)) tokens.push(tokenId)
  return tokens
}

/** Whether each token behind the prompt is the likeliest one of a run over the whole sequence, which caches nothing. */
async function expectLikeliest(model: CausalLM, tokens: readonly number[], from: number): Promise<void> {
  const { logits, shape } = await model.forward({ inputIds: [tokens] })
  const vocabulary = shape[2]
  for (let at = from; at < tokens.length; at++) {
    const row = logits.subarray((at - 1) * vocabulary, at * vocabulary)
    expect(row[tokens[at]!], `token ${at}`).toBe(Math.max(...row))
  }
}

test.each(models)('%s goes on right when its windows have dropped most of a sequence', async (name) => {
  await using model = await AutoModelForCausalLM.fromPretrained(golden(`architectures/${name}`), {
    compute: 'exact',
  })
  const count = Math.min(model.contextLength, 256) - 30
  const long = await decode(model, prompt(20, 1), count)
  await expectLikeliest(model, long, 20)
  // Beside a shorter one, whose windows begin elsewhere, and a prompt that is longer than a window has room for.
  const [again, short, read] = await Promise.all([
    decode(model, prompt(20, 1), count),
    decode(model, prompt(9, 2), 20),
    decode(model, long.slice(0, long.length - 10), 10),
  ])
  expect(again).toEqual(long)
  expect(read).toEqual(long)
  await expectLikeliest(model, short!, 9)
})
