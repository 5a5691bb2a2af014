/**
 * Bytes of one element by the name that torch gives the dtype. Types below a byte are stored one element per byte by
 * torch itself; `float4_e2m1fn_x2` counts pairs.
 */
const bytesByDtype = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  float4_e2m1fn_x2: 1,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
  int1: 1,
  int2: 1,
  int3: 1,
  int4: 1,
  int5: 1,
  int6: 1,
  int7: 1,
  uint1: 1,
  uint2: 1,
  uint3: 1,
  uint4: 1,
  uint5: 1,
  uint6: 1,
  uint7: 1,
} as const

/** A dtype as torch names it, without `torch.`. */
export type TorchDtypeName = keyof typeof bytesByDtype

/** All dtypes that are read. */
export const torchDtypes: readonly TorchDtypeName[] = Object.freeze(
  Object.keys(bytesByDtype) as TorchDtypeName[],
)

/** Bytes of one element: 1, 2, 4 or 8. */
export function dtypeBytes(dtype: TorchDtypeName): 1 | 2 | 4 | 8 {
  return bytesByDtype[dtype]
}
