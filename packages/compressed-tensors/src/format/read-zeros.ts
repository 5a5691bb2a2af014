import { unpackStream } from '@hfquant/core'
import type { WeightLayout } from './layout.js'

/** Signed zero points in the order of the scales; undefined where all are 0. */
export function readZeros(
  { zeros, codes }: Pick<WeightLayout, 'zeros' | 'codes'>,
  { outFeatures, groups }: { readonly outFeatures: number; readonly groups: number },
  bytes: () => Uint8Array,
): Int8Array | undefined {
  if (zeros === undefined) return undefined
  const { buffer, byteOffset, byteLength } = bytes()
  if (zeros === 'int8') return new Int8Array(buffer, byteOffset, byteLength)
  const { bits } = codes as { readonly bits: number }
  return unpackZeros(new Int32Array(buffer, byteOffset, byteLength / 4), bits, outFeatures, groups)
}

/** Words [ceil(N·bits/32), G], a stream of bits along the rows of each column, to [N, G]. */
function unpackZeros(words: Int32Array, bits: number, rows: number, groups: number): Int8Array {
  const zeros = new Int8Array(rows * groups)
  const height = words.length / groups
  const column = new Int32Array(height)
  for (let group = 0; group < groups; group++) {
    for (let at = 0; at < height; at++) column[at] = words[at * groups + group]!
    const codes = unpackStream(column, bits, rows)
    for (let row = 0; row < rows; row++) zeros[row * groups + group] = codes[row]! - 2 ** (bits - 1)
  }
  return zeros
}
