import { ALL_FINITE, type KernelResult } from '../kernel.js'

/** One input -> one output of equal length. */
export function copy(
  _params: unknown,
  [source]: readonly Uint8Array[],
  [target]: readonly Uint8Array[],
): KernelResult {
  target!.set(source!)
  return ALL_FINITE
}
