import type { Dtype } from '../contract/tensor.js'
import { CapabilityError } from '../errors/families.js'

/** TensorProto.DataType. */
const ELEMENT_TYPES: Partial<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

/** @throws CapabilityError DTYPE_NOT_IN_GRAPH for a dtype that the runtime has no tensors of. */
export function elementType(dtype: Dtype): number {
  const type = ELEMENT_TYPES[dtype]
  if (type !== undefined) return type
  throw new CapabilityError('DTYPE_NOT_IN_GRAPH', `a graph cannot hold a ${dtype} tensor`, {
    found: dtype,
    expected: Object.keys(ELEMENT_TYPES),
  })
}
