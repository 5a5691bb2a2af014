import {
  bfloat16ToFloat32,
  type FloatDtype,
  float16ToFloat32,
  type PartBytes,
  type WeightInfo,
} from '@hfquant/core'
import { AWQ_GEMM_SHIFTS } from '@hfquant/kernels'
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

/** Reads scales and zero points of some rows out of the tensors of the whole weight. */
export function readGroupValues(
  bytesOf: PartBytes,
  layout: AwqLayout,
  weight: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  { first, count }: RowRange,
): GroupValues {
  const { arrangement, groupSize, scaleDtype, zeroKey } = layout
  const groups = groupCount(weight.inFeatures, groupSize)
  const parts = expectedParts(arrangement, weight, groupSize)
  const placeOf = placeIn(arrangement, parts.scales.shape)
  const each = <Values extends Float32Array | Uint8Array>(
    values: Values,
    read: (row: number, group: number, at: number) => number,
  ) => {
    for (let at = 0; at < values.length; at++) {
      values[at] = read(first + Math.floor(at / groups), at % groups, at)
    }
    return values
  }
  const scaleAt = floatReader(bytesOf('scales'), scaleDtype)
  const scales = each(new Float32Array(count * groups), (row, group) => scaleAt(placeOf(row, group)))
  const zeros = new Uint8Array(count * groups)
  if (zeroKey === undefined) return { scales, zeros: zeros.fill(MIDDLE), shifts: undefined }
  if (arrangement === 'gemv_fast') {
    const shiftAt = floatReader(bytesOf(zeroKey), scaleDtype)
    const shifts = each(new Float32Array(count * groups), (row, group) => shiftAt(placeOf(row, group)))
    return { scales, zeros: each(zeros, (_row, _group, at) => nearestZero(shifts[at]!, scales[at]!)), shifts }
  }
  const bytes = bytesOf(zeroKey)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const width = parts.zeros.shape[1]!
  const isGemm = arrangement === 'gemm'
  each(zeros, (row, group) => {
    const [line, along] = isGemm ? [group, row] : [row, group]
    const shift = isGemm ? AWQ_GEMM_SHIFTS[along % CODES_IN_WORD]! : 4 * (along % CODES_IN_WORD)
    return (words[line * width + Math.floor(along / CODES_IN_WORD)]! >>> shift) & 15
  })
  return { scales, zeros, shifts: undefined }
}

/** Where the scale of a group lies: [G, N], or [N, G] with what pads it. */
const placeIn =
  (arrangement: AwqLayout['arrangement'], [, width]: readonly number[]) =>
  (row: number, group: number): number =>
    arrangement === 'gemv' ? row * width! + group : group * width! + row

/** The zero point that a shift stands for, which is −zero · scale rounded to float16. */
const nearestZero = (shift: number, scale: number): number =>
  scale === 0 ? MIDDLE : Math.min(Math.max(Math.round(-shift / scale), 0), 15)

function floatReader(bytes: Uint8Array, dtype: FloatDtype): (at: number) => number {
  const { buffer, byteOffset, byteLength } = bytes
  if (dtype === 'float32') {
    const values = new Float32Array(buffer, byteOffset, byteLength / 4)
    return (at) => values[at]!
  }
  const bits = new Uint16Array(buffer, byteOffset, byteLength / 2)
  const widen = dtype === 'float16' ? float16ToFloat32 : bfloat16ToFloat32
  return (at) => widen(bits[at]!)
}
