import { expect } from 'vitest'
import { type KernelParams, type KernelResult, reference, runKernel } from './index.js'

type Formula = (params: never, ...bytes: [readonly Uint8Array[], readonly Uint8Array[]]) => KernelResult
const formulas: Readonly<Record<string, Formula>> = reference

/** Runs kernel and formula on memory filled with different garbage; every byte and the count must agree. */
export function expectEqualBytes(
  kernel: keyof typeof reference,
  params: KernelParams,
  inputs: readonly Uint8Array[],
  outputLengths: readonly number[],
): { readonly outputs: readonly Uint8Array[]; readonly nonFinite: number } {
  const outputs = outputLengths.map((length) => new Uint8Array(length).fill(0xa5))
  const expected = outputLengths.map((length) => new Uint8Array(length).fill(0x5a))
  const { nonFinite } = runKernel(kernel, params, inputs, outputs)
  expect(nonFinite).toBe(formulas[kernel]!(params as never, inputs, expected).nonFinite)
  // Buffers compare faster than `toEqual`, which then shows where they differ.
  for (const [i, bytes] of outputs.entries())
    if (Buffer.compare(bytes, expected[i]!) !== 0) expect(bytes).toEqual(expected[i])
  return { outputs, nonFinite }
}
