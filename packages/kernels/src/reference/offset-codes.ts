import { ALL_FINITE, type KernelResult } from '../kernel.js'

/** Codes int8 -> uint8, code + 128: what a runtime with unsigned weights and zero point 128 reads. */
export function offsetCodes(
  _params: unknown,
  [codes]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  for (let i = 0; i < codes!.byteLength; i++) result![i] = codes![i]! ^ 0x80
  return ALL_FINITE
}
