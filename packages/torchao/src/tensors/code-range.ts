import { CheckpointError } from '@hfquant/core'

/**
 * A code beyond its width has no meaning, and would become another one when it is packed.
 *
 * @throws CheckpointError CODE_OUT_OF_RANGE.
 */
export function refuseWideCodes(codes: Uint8Array, bits: number, tensor: string): void {
  if (bits === 8) return
  const half = 2 ** (bits - 1)
  // (code + half) of a code within range has no bit above `bits`.
  const beyond = 0xff & ~(2 ** bits - 1)
  for (let i = 0; i < codes.length; i++) {
    if (((codes[i]! + half) & beyond) === 0) continue
    const code = (codes[i]! << 24) >> 24
    throw new CheckpointError(
      'CODE_OUT_OF_RANGE',
      `"${tensor}" holds ${code}, expected ${-half} to ${half - 1}`,
      {
        tensor,
        found: code,
        expected: `${-half} to ${half - 1}`,
        hint: 'The file is damaged, or its header states another width; download it again.',
      },
    )
  }
}
