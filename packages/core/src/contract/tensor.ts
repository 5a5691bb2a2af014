/** Element types, by their PyTorch names. Sub-byte types are packed, first element in the lowest bits. */
export type Dtype =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'complex64'
  | 'float8_e4m3fn'
  | 'float8_e4m3fnuz'
  | 'float8_e5m2'
  | 'float8_e5m2fnuz'
  | 'float8_e8m0fnu'
  | 'float6_e2m3fn'
  | 'float6_e3m2fn'
  | 'float4_e2m1fn'

/** The types that a model computes or is quantized from. */
export type FloatDtype = 'float32' | 'bfloat16' | 'float16'

/** What a header says about a tensor. */
export interface TensorInfo {
  readonly dtype: Dtype
  readonly shape: readonly number[]
}
