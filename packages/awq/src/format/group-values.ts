import type { PartBytes, WeightInfo } from '@hfquant/core'
import { AWQ_GEMM_SHIFTS, widenFloats } from '@hfquant/kernels'
import { type AwqLayout, CODES_IN_WORD, expectedParts, groupCount, MIDDLE } from './layout.js'
import type { RowRange } from './unpack-codes.js'

/** What the groups of some rows have in common: w = (code − zero) · scale, or code · scale + shift. */
export interface GroupValues {
  /** [count, G] */
  readonly scales: Float32Array
  /** [count, G]; for shifts the nearest zero points. */
  readonly zeros: Uint8Array
  /** [count, G]; undefined where zero points are stored. */
  readonly shifts: Float32Array | undefined
}

type Shape = Pick<WeightInfo, 'outFeatures' | 'inFeatures'>

/** Reads scales and zero points of some rows out of the tensors of the whole weight. */
export function readGroupValues(
  bytesOf: PartBytes,
  layout: AwqLayout,
  weight: Shape,
  rows: RowRange,
): GroupValues {
  const scales = readGroupScales(bytesOf, layout, weight, rows)
  const shifts = readShifts(bytesOf, layout, weight, rows)
  if (shifts === undefined) return { scales, zeros: readStoredZeros(bytesOf, layout, weight, rows), shifts }
  return { scales, zeros: Uint8Array.from(shifts, (shift, at) => nearestZero(shift, scales[at]!)), shifts }
}

/** [count, G] */
export const readGroupScales = (
  bytesOf: PartBytes,
  layout: AwqLayout,
  weight: Shape,
  rows: RowRange,
): Float32Array => readFloats(bytesOf('scales'), layout, weight, rows)

/** [count, G]; for shifts the nearest zero points. */
export const readGroupZeros = (
  bytesOf: PartBytes,
  layout: AwqLayout,
  weight: Shape,
  rows: RowRange,
): Uint8Array =>
  layout.arrangement === 'gemv_fast'
    ? readGroupValues(bytesOf, layout, weight, rows).zeros
    : readStoredZeros(bytesOf, layout, weight, rows)

/** Zero points that are stored as such, or not at all. */
function readStoredZeros(
  bytesOf: PartBytes,
  { arrangement, groupSize, zeroKey }: AwqLayout,
  weight: Shape,
  { first, count }: RowRange,
): Uint8Array {
  const groups = groupCount(weight.inFeatures, groupSize)
  const zeros = new Uint8Array(count * groups)
  if (zeroKey === undefined) return zeros.fill(MIDDLE)
  const { buffer, byteOffset, byteLength } = bytesOf(zeroKey)
  const words = new Int32Array(buffer, byteOffset, byteLength / 4)
  const width = expectedParts(arrangement, weight, groupSize).zeros.shape[1]!
  const isGemm = arrangement === 'gemm'
  let at = 0
  for (let row = first; row < first + count; row++) {
    for (let group = 0; group < groups; group++) {
      const [line, along] = isGemm ? [group, row] : [row, group]
      const shift = isGemm ? AWQ_GEMM_SHIFTS[along % CODES_IN_WORD]! : 4 * (along % CODES_IN_WORD)
      zeros[at++] = (words[line * width + Math.floor(along / CODES_IN_WORD)]! >>> shift) & 15
    }
  }
  return zeros
}

/** Undefined where zero points are stored, or none. */
const readShifts = (
  bytesOf: PartBytes,
  layout: AwqLayout,
  weight: Shape,
  rows: RowRange,
): Float32Array | undefined =>
  layout.arrangement === 'gemv_fast' && layout.zeroKey !== undefined
    ? readFloats(bytesOf(layout.zeroKey), layout, weight, rows)
    : undefined

/** Numbers that lie as scales do, [count, G]: stored [G, N], or [N, G] with what pads it. */
function readFloats(
  { buffer, byteOffset, byteLength }: Uint8Array,
  { arrangement, groupSize, scaleDtype }: AwqLayout,
  weight: Shape,
  { first, count }: RowRange,
): Float32Array {
  const isWide = scaleDtype === 'float32'
  const stored = isWide
    ? new Uint32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2)
  const groups = groupCount(weight.inFeatures, groupSize)
  const width = expectedParts(arrangement, weight, groupSize).scales.shape[1]!
  const [perRow, perGroup] = arrangement === 'gemv' ? [width, 1] : [1, width]
  const bits = new (isWide ? Uint32Array : Uint16Array)(count * groups)
  let at = 0
  for (let row = first; row < first + count; row++) {
    for (let group = 0; group < groups; group++) bits[at++] = stored[row * perRow + group * perGroup]!
  }
  return widenFloats(new Uint8Array(bits.buffer), scaleDtype)
}

/** The zero point that a shift stands for, which is −zero · scale rounded to float16. */
const nearestZero = (shift: number, scale: number): number =>
  scale === 0 ? MIDDLE : Math.min(Math.max(Math.round(-shift / scale), 0), 15)
