import { join } from 'node:path'
import { openSafetensors } from '@hfquant/safetensors'

/** What another implementation computed of a model. */
export interface Expected {
  /** Of one length. */
  readonly sequences: readonly (readonly number[])[]
  /** Of the sequences, [sequences, tokens, vocabulary]. */
  readonly logits: Float32Array
  /** Of their first halves alone, of a model that computes short sequences in another way. */
  readonly logitsShort?: Float32Array
  /** A prompt of 8 tokens, and what greedy decoding adds; nothing in a golden of one run. */
  readonly greedy: readonly number[]
}

/** Reads `expected.safetensors` of a golden. */
export async function readExpected(folder: string): Promise<Expected> {
  await using file = await openSafetensors(join(folder, 'expected.safetensors'))
  const integers = async (name: string) =>
    Array.from(new BigInt64Array((await file.read(name)).slice().buffer), Number)
  const floats = async (name: string) => new Float32Array((await file.read(name)).slice().buffer)
  const ids = await integers('input_ids') // [sequences, tokens]
  const [count = 1, length = ids.length] = file.tensors.get('input_ids')!.shape
  return {
    sequences: Array.from({ length: count }, (_, row) => ids.slice(row * length, (row + 1) * length)),
    logits: await floats('logits'),
    ...(file.tensors.has('logits_short') && { logitsShort: await floats('logits_short') }),
    greedy: file.tensors.has('greedy') ? await integers('greedy') : [],
  }
}

/** max |found − wanted| / max |wanted|; not a number where lengths differ or a value is none. */
export function relativeError(found: Float32Array, wanted: Float32Array): number {
  if (found.length !== wanted.length) return Number.NaN
  let [error, most] = [0, 0]
  for (const [index, value] of wanted.entries()) {
    error = Math.max(error, Math.abs(found[index]! - value))
    most = Math.max(most, Math.abs(value))
  }
  return error / most
}
