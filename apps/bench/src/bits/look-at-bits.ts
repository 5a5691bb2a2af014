import type { CausalLM } from 'hfquant'

/** What a model computes on the processor at hand. */
export interface RecipeBits {
  readonly recipe: string
  /** Greatest difference between logits alone and beside others, of the greatest logit; 0 where all bits are equal. */
  readonly beside: number
  /** Greedy tokens after each of three prompts. */
  readonly tokens: readonly number[]
  /** Of the last position of a prompt. */
  readonly logits: readonly number[]
}

const TOKENS = 12

/** What is looked at of a model. */
export type LookedAt = Pick<CausalLM, 'forward' | 'generate'>

/** Computes rows together and one by one, and generates three texts at once and one by one. */
export async function lookAtBits(model: LookedAt): Promise<Omit<RecipeBits, 'recipe'>> {
  const rows = [1, 2, 3].map((seed) => prompt(21, seed))
  const together = (await model.forward({ inputIds: rows })).logits
  let beside = 0
  let last: Float32Array = new Float32Array(0)
  for (const [index, row] of rows.entries()) {
    const { logits } = await model.forward({ inputIds: [row] })
    const own = together.subarray(index * logits.length, (index + 1) * logits.length)
    beside = Math.max(beside, relativeDifference(own, logits))
    last = logits.slice(-logits.length / row.length)
  }
  const prompts = [5, 40, 23].map((length, index) => prompt(length, index + 4))
  const atOnce = await Promise.all(prompts.map((ids) => decode(model, ids)))
  for (const [index, ids] of prompts.entries()) {
    const alone = await decode(model, ids)
    if (alone.join() !== atOnce[index]!.join()) beside = Math.max(beside, 1)
  }
  return { beside, tokens: atOnce.flat(), logits: [...last] }
}

/** Greatest difference, in units of the greatest number; infinite where there are not as many. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY
  let [difference, size] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(found[i]! - expected[i]!))
    size = Math.max(size, Math.abs(expected[i]!))
  }
  return difference === 0 ? 0 : difference / size
}

/** Ids that every vocabulary has. */
const prompt = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, at) => (at * (7 + seed) + 13 * seed) % 96)

async function decode(model: LookedAt, inputIds: readonly number[]): Promise<number[]> {
  const tokens: number[] = []
  const options = { maxNewTokens: TOKENS, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds }, options)) tokens.push(tokenId!)
  return tokens
}
