import type { KernelResult } from '../kernel.js'
import { floatReader, floatWriter } from './float-access.js'
import {
  type FloatDtype,
  MACHINE_EPSILON,
  roundHalfToEven,
  roundToDtype,
  SMALLEST_NORMAL,
} from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** How the range of a group becomes a scale and a zero point; names after torchao's `MappingType`. */
export type IntMapping = 'symmetric' | 'symmetricNoClippingErr' | 'asymmetric'

export const INT_MAPPINGS: readonly IntMapping[] = ['symmetric', 'symmetricNoClippingErr', 'asymmetric']

/**
 * Lower bound of a scale: smallest normal number (torchao 0.18) or machine epsilon (up to 0.17) of the weight dtype, or
 * 2^-23 for every dtype (Int8Tensor, from 0.16).
 */
export type ScaleFloor = 'tiny' | 'epsilon' | 'float32Epsilon'

export const SCALE_FLOORS: Readonly<Record<ScaleFloor, Readonly<Record<FloatDtype, number>>>> = {
  tiny: SMALLEST_NORMAL,
  epsilon: MACHINE_EPSILON,
  float32Epsilon: { float32: 2 ** -23, bfloat16: 2 ** -23, float16: 2 ** -23 },
}

export interface IntGroupsParams extends MatrixParams {
  /** Columns that share a scale; divides `columns`. */
  readonly groupSize: number
  /** 1 to 8; codes lie in -2^(bits-1) .. 2^(bits-1)-1. */
  readonly bits: number
  readonly mapping: IntMapping
  readonly eps: ScaleFloor
  /** Dtype the scale is cast to before the codes are computed; the weight dtype if absent. */
  readonly scaleDtype?: FloatDtype | undefined
}

/**
 * torchao `choose_qparams_affine` and `quantize_affine` with one block for each group of a row.
 *
 * weight [rows, columns] -> codes int8 [rows, columns], scale [rows, columns / groupSize] in `scaleDtype`,
 * zero point int8 of the same shape.
 * Every operation rounds to the dtype of its result; a product of two dtypes is float32.
 *
 * A group gets codes 0, zero point 0 and scale NaN, and is counted, when it holds a NaN or an infinity or when its
 * scale or the reciprocal of its scale is not a positive finite number of its dtype.
 */
export function intGroups(
  params: IntGroupsParams,
  [weight]: readonly Uint8Array[],
  [codes, scales, zeroPoints]: readonly Uint8Array[],
): KernelResult {
  const { dtype, rows, columns, groupSize, bits, mapping, scaleDtype = dtype } = params
  const w = floatReader(dtype, weight!)
  const writeScale = floatWriter(scaleDtype, scales!)
  const qmin = -(2 ** (bits - 1))
  const qmax = 2 ** (bits - 1) - 1
  const eps = SCALE_FLOORS[params.eps][dtype]
  const productDtype = dtype === scaleDtype ? dtype : 'float32'
  const zeroBytes = new Int8Array(zeroPoints!.buffer, zeroPoints!.byteOffset, zeroPoints!.byteLength)
  const codeBytes = new Int8Array(codes!.buffer, codes!.byteOffset, codes!.byteLength)

  let nonFinite = 0
  const groups = (rows * columns) / groupSize
  for (let group = 0; group < groups; group++) {
    const start = group * groupSize
    const end = start + groupSize
    let lo = 0
    let hi = 0
    for (let i = start; i < end; i++) {
      lo = Math.min(lo, w(i))
      hi = Math.max(hi, w(i))
    }
    const raised = Math.max(scaleOf(mapping, dtype, lo, hi, qmin, qmax), eps)
    const scale = roundToDtype(scaleDtype, raised)
    const reciprocal = roundToDtype(scaleDtype, 1 / scale)
    if (!(reciprocal > 0 && reciprocal < Infinity)) {
      nonFinite++
      codeBytes.fill(0, start, end)
      zeroBytes[group] = 0
      writeScale(group, Number.NaN)
      continue
    }
    const lowest = roundHalfToEven(roundToDtype(dtype, lo / raised))
    const zero = mapping === 'asymmetric' ? clamp(qmin - lowest, qmin, qmax) : 0
    for (let i = start; i < end; i++) {
      const quotient = roundToDtype(productDtype, w(i) * reciprocal)
      codeBytes[i] = clamp(roundHalfToEven(quotient) + zero, qmin, qmax)
    }
    zeroBytes[group] = zero
    writeScale(group, scale)
  }
  return { nonFinite }
}

function scaleOf(
  mapping: IntMapping,
  dtype: FloatDtype,
  lo: number,
  hi: number,
  qmin: number,
  qmax: number,
): number {
  const round = (value: number) => roundToDtype(dtype, value)
  // The symmetric divisor ends in one half (127.5, 7.5): the largest positive weight is clipped by half a step.
  if (mapping === 'symmetric') return round(Math.max(-lo, hi) / ((qmax - qmin) / 2))
  if (mapping === 'symmetricNoClippingErr') return Math.max(round(lo / qmin), round(hi / qmax))
  return round(round(hi - lo) / (qmax - qmin))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}
