import {
  type ConstantPiece,
  type Dtype,
  dtypeBits,
  elementCount,
  isFloatDtype,
  type Parameter,
  parameterSource,
  type StoredBytes,
} from '@hfquant/core/runtime'
import { rangeWithin } from '@hfquant/kernels'

/** Bytes of a parameter that one call reads. */
const PIECE_BYTES = 4 * 2 ** 20

/** A part of a parameter's bytes. */
export interface ParameterPart {
  readonly dtype: Dtype
  readonly bytes: StoredBytes
  /** Elements before it, and in it. */
  readonly first: number
  readonly count: number
}

/**
 * The stored bytes of a float parameter in parts of whole blocks of `unit` elements; undefined for one that lies in several
 * places, or whose values are not what is stored.
 */
export function parameterParts(parameter: Parameter, unit: number): readonly ParameterPart[] | undefined {
  const { dtype, ranges } = parameterSource(parameter)
  const [range] = ranges
  if (range === undefined || ranges.length > 1) return undefined
  if (dtype !== parameter.dtype || !isFloatDtype(dtype)) return undefined
  const bytesOf = (elements: number) => (elements * dtypeBits(dtype)) / 8
  const total = elementCount(parameter.shape)
  const step = Math.max(1, Math.floor(PIECE_BYTES / bytesOf(unit))) * unit
  return Array.from({ length: Math.ceil(total / step) }, (_, index) => {
    const first = index * step
    const count = Math.min(step, total - first)
    return { dtype, bytes: rangeWithin(range, bytesOf(first), bytesOf(count)), first, count }
  })
}

/** A float parameter as calls that cast it. */
export const castPieces = (parameter: Parameter, to: Dtype): readonly ConstantPiece[] | undefined =>
  parameterParts(parameter, 1)?.map(({ dtype, bytes, first, count }) => ({
    kernel: 'cast',
    params: { from: dtype, to },
    inputs: [bytes],
    output: { offset: (first * dtypeBits(to)) / 8, byteLength: (count * dtypeBits(to)) / 8 },
  }))
