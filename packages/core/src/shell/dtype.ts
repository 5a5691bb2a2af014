import { CAST_DTYPES, type CastDtype } from '@hfquant/kernels'
import type { SafetensorsDtype } from '@hfquant/safetensors'
import type { Dtype, FloatDtype } from '../contract/tensor.js'
import { ConfigError } from '../errors/families.js'

/** Bits per element and the name in a safetensors header. */
const DTYPES: Readonly<Record<Dtype, { readonly bits: number; readonly safetensors: SafetensorsDtype }>> = {
  bool: { bits: 8, safetensors: 'BOOL' },
  uint8: { bits: 8, safetensors: 'U8' },
  int8: { bits: 8, safetensors: 'I8' },
  uint16: { bits: 16, safetensors: 'U16' },
  int16: { bits: 16, safetensors: 'I16' },
  uint32: { bits: 32, safetensors: 'U32' },
  int32: { bits: 32, safetensors: 'I32' },
  uint64: { bits: 64, safetensors: 'U64' },
  int64: { bits: 64, safetensors: 'I64' },
  float16: { bits: 16, safetensors: 'F16' },
  bfloat16: { bits: 16, safetensors: 'BF16' },
  float32: { bits: 32, safetensors: 'F32' },
  float64: { bits: 64, safetensors: 'F64' },
  complex64: { bits: 64, safetensors: 'C64' },
  float8_e4m3fn: { bits: 8, safetensors: 'F8_E4M3' },
  float8_e4m3fnuz: { bits: 8, safetensors: 'F8_E4M3FNUZ' },
  float8_e5m2: { bits: 8, safetensors: 'F8_E5M2' },
  float8_e5m2fnuz: { bits: 8, safetensors: 'F8_E5M2FNUZ' },
  float8_e8m0fnu: { bits: 8, safetensors: 'F8_E8M0' },
  float6_e2m3fn: { bits: 6, safetensors: 'F6_E2M3' },
  float6_e3m2fn: { bits: 6, safetensors: 'F6_E3M2' },
  float4_e2m1fn: { bits: 4, safetensors: 'F4' },
}

const FROM_SAFETENSORS = new Map(
  Object.entries(DTYPES).map(([name, { safetensors }]) => [safetensors, name as Dtype]),
)

export const dtypeBits = (dtype: Dtype): number => DTYPES[dtype].bits

export const toSafetensorsDtype = (dtype: Dtype): SafetensorsDtype => DTYPES[dtype].safetensors

export const fromSafetensorsDtype = (dtype: SafetensorsDtype): Dtype => FROM_SAFETENSORS.get(dtype)!

export const isDtype = (name: string): name is Dtype => Object.hasOwn(DTYPES, name)

export const isFloatDtype = (dtype: Dtype): dtype is FloatDtype =>
  dtype === 'float32' || dtype === 'bfloat16' || dtype === 'float16'

/** Floats that weights are computed in, or that only have to be rounded to one of them. */
export const isFloating = (dtype: Dtype): boolean => isFloatDtype(dtype) || dtype === 'float64'

/** Numbers that become floats by a cast alone: floats of 16 to 64 bits, whole numbers, plain eight-bit floats. */
export const isCastable = (dtype: Dtype): dtype is Dtype & CastDtype =>
  CAST_DTYPES.some((known) => known === dtype)

export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((count, size) => count * size, 1)

/** Bytes of a contiguous tensor. */
export const tensorBytes = (dtype: Dtype, shape: readonly number[]): number =>
  Math.ceil((elementCount(shape) * dtypeBits(dtype)) / 8)

const FLOAT_ALIASES: Readonly<Record<string, FloatDtype>> = {
  fp16: 'float16',
  float16: 'float16',
  half: 'float16',
  bf16: 'bfloat16',
  bfloat16: 'bfloat16',
  fp32: 'float32',
  float32: 'float32',
  float: 'float32',
}

/** Names of integer types, as users and torch write them. */
const NOT_FLOATING = /^(u?int\d*|bool|char|byte|short|long)$/

/**
 * The `dtype` argument of the loading functions: a precision, never a quantization. Case does not matter.
 *
 * @throws ConfigError for an unknown name, an integer type, or something that is no string.
 */
export function parseFloatDtype(value: unknown, field = 'dtype'): FloatDtype {
  if (typeof value !== 'string') {
    throw new ConfigError('DTYPE_TYPE', `${field} is ${typeof value}, expected a string such as "bfloat16"`, {
      field,
      found: value,
    })
  }
  const name = value.toLowerCase().replace(/^torch\./, '')
  const alias = Object.hasOwn(FLOAT_ALIASES, name) ? FLOAT_ALIASES[name] : undefined
  if (alias !== undefined) return alias
  const known = Object.keys(FLOAT_ALIASES).join(', ')
  if (NOT_FLOATING.test(name)) {
    throw new ConfigError('DTYPE_NOT_FLOATING', `${field} "${value}" is not a floating-point type`, {
      field,
      found: value,
      expected: known,
      hint: "dtype is precision; integers are quantization: quantize: 'int8', or a quantizationConfig.",
    })
  }
  throw new ConfigError('DTYPE_UNKNOWN', `${field} "${value}" is unknown, expected one of ${known}`, {
    field,
    found: value,
    expected: known,
  })
}
