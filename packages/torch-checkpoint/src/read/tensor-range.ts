import { quote, type Refuse } from '../errors.js'
import { dtypeBytes } from '../tensors/dtypes.js'
import { elementCount } from '../tensors/strided-layout.js'
import type { TorchTensor } from '../tensors/torch-value.js'

/** Which part of a tensor; all of it when neither is given. Both ends are counted from 0, the second is exclusive. */
export interface TensorRange {
  /** Along the first dimension. */
  readonly rows?: readonly [start: number, end: number]
  /** Of the contiguous row-major form, counted from the first byte of the tensor. */
  readonly bytes?: readonly [start: number, end: number]
}

/** The part of the contiguous form that a range means, in bytes. Refuses with TENSOR_RANGE. */
export function contiguousRange(
  tensor: TorchTensor,
  { rows, bytes }: TensorRange,
  refuse: Refuse,
): readonly [start: number, end: number] {
  const { name, shape, dtype, byteLength } = tensor
  const fail = (problem: string): never =>
    refuse('TENSOR_RANGE', `tensor ${quote(name)} ${problem}`, { tensor: name })
  const check = ([start, end]: readonly [number, number], limit: number, unit: string): void => {
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!whole || start < 0 || end < start || end > limit) {
      fail(`has ${limit} ${unit}; [${start}, ${end}) does not lie inside`)
    }
  }
  if (rows !== undefined && bytes !== undefined)
    return fail('was asked for by rows and by bytes at once; choose one')
  if (bytes !== undefined) {
    check(bytes, byteLength, 'bytes')
    return bytes
  }
  if (rows === undefined) return [0, byteLength]
  const [count, ...inner] = shape
  if (count === undefined) return fail('is a scalar and has no rows')
  check(rows, count, 'rows')
  const rowBytes = elementCount(inner) * dtypeBytes(dtype)
  return [rows[0] * rowBytes, rows[1] * rowBytes]
}
