import { fileURLToPath } from 'node:url'
import { AutoModelForCausalLM } from 'hfquant'
import { expect } from 'vitest'
import { compareChoices, type Logits } from '../peers/expected.js'

export const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../goldens/architectures/${name}`, import.meta.url))

/** Greedy continuations of the demo model by hfquant, prompt included, and the logits along them in float32. */
export async function continuations(folder: string, prompts: readonly string[], count: number) {
  await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
  const tokenizer = (await model.tokenizer())!
  const sequences: number[][] = []
  const logits: Float32Array[][] = []
  for (const prompt of prompts) {
    const ids = tokenizer.encode(prompt)
    const options = { maxNewTokens: count, temperature: 0, ignoreEos: true }
    for await (const { tokenId } of model.generate({ inputIds: ids }, options)) ids.push(tokenId)
    const { logits: flat, shape } = await model.forward({ inputIds: [ids] })
    sequences.push(ids)
    logits.push(ids.map((_, row) => flat.subarray(row * shape[2], (row + 1) * shape[2])))
  }
  return { sequences, logits }
}

/**
 * The libraries round activations to 8 bits, which moves logits by up to a hundredth of the largest one. Where the first
 * token leads by more than that can undo, it must be the same.
 */
export function expectSameChoices(found: Logits, wanted: Logits): void {
  const { different, decided } = compareChoices(found, wanted, 1e-2)
  expect(different).toEqual([])
  expect(decided, 'share of positions that are no near ties').toBeGreaterThan(0.5)
}
