import { viewOf } from './float-access.js'
import { FLOAT_DTYPES, type FloatDtype, float16ToFloat32, floatBytes } from './float-formats.js'
import { decodeE4m3 } from './float8-dequantize.js'

/** Bytes of an element of the types that files hold besides the ones that models compute in. */
const STORED_ONLY = {
  float64: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
} as const

type StoredOnlyDtype = keyof typeof STORED_ONLY

/** Types that `cast` reads, by their PyTorch names: the float types, and numbers that only need to become floats. */
export type CastDtype = FloatDtype | StoredOnlyDtype

export const CAST_DTYPES: readonly CastDtype[] = [
  ...FLOAT_DTYPES,
  ...(Object.keys(STORED_ONLY) as StoredOnlyDtype[]),
]

/** Bytes of one element. */
export const castBytes = (dtype: CastDtype): number =>
  isFloat(dtype) ? floatBytes(dtype) : STORED_ONLY[dtype]

export const isFloat = (dtype: CastDtype): dtype is FloatDtype => !Object.hasOwn(STORED_ONLY, dtype)

/** Elements of a little-endian byte range as the nearest float32, ties to even. */
export function float32Reader(dtype: StoredOnlyDtype, bytes: Uint8Array): (index: number) => number {
  const view = viewOf(bytes)
  switch (dtype) {
    case 'float64':
      return (index) => Math.fround(view.getFloat64(index * 8, true))
    case 'int8':
      return (index) => view.getInt8(index)
    case 'uint8':
      return (index) => view.getUint8(index)
    case 'int16':
      return (index) => view.getInt16(index * 2, true)
    case 'uint16':
      return (index) => view.getUint16(index * 2, true)
    case 'int32':
      return (index) => Math.fround(view.getInt32(index * 4, true))
    case 'uint32':
      return (index) => Math.fround(view.getUint32(index * 4, true))
    case 'int64':
      return (index) => float32OfBigInt(view.getBigInt64(index * 8, true))
    case 'uint64':
      return (index) => float32OfBigInt(view.getBigUint64(index * 8, true))
    case 'float8_e4m3fn':
      return (index) => decodeE4m3(view.getUint8(index))
    case 'float8_e5m2':
      return (index) => float16ToFloat32(view.getUint8(index) << 8)
  }
}

/**
 * Nearest float32 of a whole number of 64 bits. A double holds 53 of them, and rounding twice is not rounding once: the
 * bits that it would lose of a longer number are gathered in its last one, far below the last bit of the result.
 */
function float32OfBigInt(value: bigint): number {
  if (BigInt.asIntN(53, value) === value) return Math.fround(Number(value))
  const lost = BigInt.asUintN(11, value) === 0n ? 0n : 1n
  return Math.fround(Number((value >> 11n) | lost) * 2 ** 11)
}
