import { floats, readTensors } from './golden.fixture.js'

/** What the reference computed with a model. */
export async function expectedOf(model: string) {
  const tensors = await readTensors(`${model}/expected.safetensors`)
  const integers = (name: string) =>
    Array.from(new BigInt64Array(tensors.get(name)!.bytes.slice().buffer), Number)
  return {
    inputIds: integers('input_ids'),
    greedyIds: integers('greedy_ids'),
    logits: floats(tensors.get('logits')!),
  }
}

export const largestDifference = (found: Float32Array, wanted: Float32Array): number =>
  found.reduce((most, value, index) => Math.max(most, Math.abs(value - wanted[index]!)), 0)
