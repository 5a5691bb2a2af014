import type { Dtype } from '@hfquant/core'

/** What optimum-quanto quantizes a weight to, by its name in quanto_qmap.json. */
export type WeightType = 'qint8' | 'qint4' | 'qint2' | 'qfloat8_e4m3fn' | 'qfloat8_e5m2'

/** Types with a code in each byte, and the dtype of that byte. */
export const BYTE_TYPES = {
  qint8: 'int8',
  qfloat8_e4m3fn: 'float8_e4m3fn',
  qfloat8_e5m2: 'float8_e5m2',
} as const satisfies Partial<Record<WeightType, Dtype>>

/** Types with several codes in a byte, and the bits of a code. */
export const PACKED_TYPES = { qint4: 4, qint2: 2 } as const satisfies Partial<Record<WeightType, number>>

export type ByteType = keyof typeof BYTE_TYPES
export type PackedType = keyof typeof PACKED_TYPES

export const isPacked = (type: WeightType): type is PackedType => Object.hasOwn(PACKED_TYPES, type)

/** `weights` of transformers' QuantoConfig, and the type that each of them stands for. */
export const NAMED_TYPES = {
  int8: 'qint8',
  int4: 'qint4',
  int2: 'qint2',
  float8: 'qfloat8_e4m3fn',
} as const satisfies Record<string, WeightType>

export type NamedType = keyof typeof NAMED_TYPES
