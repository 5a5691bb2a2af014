import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'
import { AutoModelForCausalLM } from 'hfquant'
import { expect } from 'vitest'

export const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../goldens/architectures/${name}`, import.meta.url))

/** What Python's transformers computed. */
export async function readExpected(name: string) {
  await using file = await openSafetensors(join(golden(name), 'expected.safetensors'))
  const integers = async (tensor: string) =>
    Array.from(new BigInt64Array((await file.read(tensor)).slice().buffer), Number)
  const ids = await integers('input_ids') // [2, 24]
  const logits = new Float32Array((await file.read('logits')).slice().buffer) // [2, 24, vocabulary]
  return { sequences: [ids.slice(0, 24), ids.slice(24)], logits, greedy: await integers('greedy') }
}

/** max |found − wanted| / max |wanted| */
export function relativeError(found: readonly (readonly number[])[][], wanted: Float32Array): number {
  const flat = found.flat(2)
  if (flat.length !== wanted.length) throw new RangeError(`${flat.length} logits, ${wanted.length} wanted`)
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return flat.reduce((most, value, index) => Math.max(most, Math.abs(value - wanted[index]!)), 0) / largest
}

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
export function expectSameChoices(
  found: readonly (readonly number[])[][],
  wanted: readonly (readonly Float32Array[])[],
): void {
  const tolerance = 1e-2
  let decided = 0
  for (const [index, rows] of wanted.entries()) {
    for (const [position, row] of rows.entries()) {
      const [first = 0, second = 0] = [...row].sort((left, right) => right - left)
      const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      if (first - second <= 2 * tolerance * largest) continue
      decided += 1
      const other = found[index]![position]!
      expect(other.indexOf(Math.max(...other)), `sequence ${index}, position ${position}`).toBe(
        row.indexOf(first),
      )
    }
  }
  const positions = wanted.reduce((sum, rows) => sum + rows.length, 0)
  expect(decided / positions, 'share of positions that are no near ties').toBeGreaterThan(0.5)
}
