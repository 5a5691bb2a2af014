import { ALL_FINITE, type KernelResult } from '../kernel.js'

export interface NibbleBytesParams {
  /** True where the first code of a byte is in its high half. */
  readonly firstHigh: boolean
}

/** packed uint8 [count], two codes a byte, and a table uint8 [16] -> uint8 [2 * count], the entry of each code. */
export function nibbleBytes(
  { firstHigh }: NibbleBytesParams,
  [packed, table]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  for (const [i, byte] of packed!.entries()) {
    const codes = [byte & 15, byte >> 4]
    if (firstHigh) codes.reverse()
    for (const [half, code] of codes.entries()) result![2 * i + half] = table![code]!
  }
  return ALL_FINITE
}
