import { CheckpointError } from '@hfquant/core'
import { blockBytes, blockValues, type GgufIntegerType } from '@hfquant/gguf'

/** A tensor of a GGUF file, for errors. */
export interface BlocksOrigin {
  readonly tensor: string
  readonly file: string | undefined
}

/** Bytes of a row of so many values. */
export const blockRowBytes = (type: GgufIntegerType, columns: number): number =>
  (columns / blockValues(type)) * blockBytes(type)

/**
 * @param values of some rows, the first of which is `first`, or scales of their blocks.
 * @param inRow how many of them are of one row.
 * @throws CheckpointError TENSOR_NOT_FINITE
 */
export function checkFinite(
  values: Float32Array,
  { first, inRow }: { readonly first: number; readonly inRow: number },
  { tensor, file }: BlocksOrigin,
): void {
  for (let at = 0; at < values.length; at++) {
    const found = values[at]!
    if (Number.isFinite(found)) continue
    const where = `"${tensor}" in ${file} holds ${found} in row ${first + Math.floor(at / inRow)}`
    throw new CheckpointError('TENSOR_NOT_FINITE', `${where}, expected finite numbers`, {
      ...{ tensor, file, found, expected: 'finite numbers' },
      hint: 'The file is damaged; download it again.',
    })
  }
}
