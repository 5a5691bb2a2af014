import { quote, quoteNumbers, type Refuse } from '../errors.js'
import { dtypeBytes } from './dtypes.js'
import type { StridedTensor } from './rebuilt.js'

/** Torch itself has this limit. */
export const MAX_DIMENSIONS = 64

/**
 * A view whose values, written one after the other, take more than its storage (an expanded or overlapping one) may take
 * this much: a few bytes of file must not become gigabytes of memory.
 */
const MAX_EXPANDED_BYTES = 16 * 1024 * 1024

/** Overlapping views are gathered from memory, so what they span is bounded. No module makes one; `unfold` does. */
export const MAX_OVERLAP_BYTES = 4 * 1024 * 1024

/** Product of the sizes; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1)
}

/** Distance of the last element from the first, in elements; 0 for an empty tensor. */
function lastElement(shape: readonly number[], stride: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((sum, size, axis) => sum + (size - 1) * stride[axis]!, 0)
}

/** Whether the elements lie one after the other in row-major order. */
export function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!
    if (size === 0) return true
    if (size !== 1 && stride[axis] !== expected) return false
    expected *= size
  }
  return true
}

/**
 * Checks that a view lies inside its storage: `offset + Σ (size − 1) · stride < count`, and that its size is one that
 * can be handled. Sizes, strides and offset are whole numbers, 0 or larger.
 */
export function checkLayout({ storage, dtype, shape, stride, offset }: StridedTensor, refuse: Refuse): void {
  const described = `a tensor of shape ${quoteNumbers(shape)}, stride ${quoteNumbers(stride)} and offset ${offset}`
  if (shape.length !== stride.length) {
    refuse('TENSOR_BAD', `${described}: expected as many strides as sizes`)
  }
  const itemBytes = dtypeBytes(dtype)
  const count = Math.floor(storage.byteLength / itemBytes)
  const elements = elementCount(shape)
  const last = lastElement(shape, stride)
  if (!Number.isSafeInteger(elements * itemBytes)) {
    refuse('TENSOR_BAD', `${described}: the number of elements is not exact`)
  }
  if (elements === 0 ? offset > count : !(offset + last < count)) {
    refuse(
      'TENSOR_OUT_OF_RANGE',
      `${described} reaches past storage ${quote(storage.key)} of ${count} elements`,
    )
  }
  if (elements * itemBytes > Math.max(storage.byteLength, MAX_EXPANDED_BYTES)) {
    const problem = `repeats ${storage.byteLength} bytes of storage ${quote(storage.key)} to ${elements * itemBytes}`
    refuse('TENSOR_TOO_LARGE', `${described} ${problem}`)
  }
  if (overlaps(shape, stride) && (last + 1) * itemBytes > MAX_OVERLAP_BYTES) {
    refuse('TENSOR_LAYOUT', `${described} overlaps itself over ${(last + 1) * itemBytes} bytes`)
  }
}

/** Whether walking the view by falling strides would ever step backwards. */
function overlaps(shape: readonly number[], stride: readonly number[]): boolean {
  const axes = shape
    .map((size, axis) => ({ size, step: stride[axis]! }))
    .filter(({ size, step }) => size > 1 && step > 0)
    .sort((a, b) => a.step - b.step)
  let reach = 0
  for (const { size, step } of axes) {
    if (step <= reach) return true
    reach += (size - 1) * step
  }
  return false
}
