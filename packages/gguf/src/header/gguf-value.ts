import type { GgufStrings } from './gguf-strings.js'

/** Arrays of numbers and booleans, by the type of their elements; booleans are bytes, 0 or 1. */
export interface GgufNumberArrays {
  readonly u8: Uint8Array
  readonly i8: Int8Array
  readonly u16: Uint16Array
  readonly i16: Int16Array
  readonly u32: Uint32Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly bool: Uint8Array
  readonly u64: BigUint64Array
  readonly i64: BigInt64Array
  readonly f64: Float64Array
}

/** The types of values, in the order of the numbers that stand for them in a file. */
export const VALUE_TYPES = [
  ...(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array'] as const),
  ...(['u64', 'i64', 'f64'] as const),
]

export type GgufValueType = (typeof VALUE_TYPES)[number]

type Scalar =
  | { readonly type: 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64'; readonly value: number }
  | { readonly type: 'u64' | 'i64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }

type NumberArray = {
  [Of in keyof GgufNumberArrays]: {
    readonly type: 'array'
    readonly of: Of
    readonly values: GgufNumberArrays[Of]
  }
}[keyof GgufNumberArrays]

/** A value of the metadata, with the type that it is stored as. */
export type GgufValue =
  | Scalar
  | NumberArray
  | { readonly type: 'array'; readonly of: 'string'; readonly values: GgufStrings }

/** By key, in the order of the file. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>
