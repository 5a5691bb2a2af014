import { Tensor } from 'onnxruntime-node'
import type { CacheShape } from './protocol.js'

/** Elements of a key/value cache: float32 numbers, or the bits of float16 ones. */
export type CacheArray = Float32Array | Uint16Array

export const newCacheArray = (
  { dtype = 'float32' }: Pick<CacheShape, 'dtype'>,
  length: number,
): CacheArray => (dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length))

export const elementBytes = ({ dtype = 'float32' }: Pick<CacheShape, 'dtype'>): number =>
  dtype === 'float32' ? Float32Array.BYTES_PER_ELEMENT : Uint16Array.BYTES_PER_ELEMENT

/** The runtime reads the array itself, not a copy. */
export function cacheTensor(array: CacheArray, shape: readonly number[]): Tensor {
  if (array instanceof Float32Array) return new Tensor('float32', array, [...shape])
  // Where the JavaScript engine has Float16Array, a float16 tensor gets one, which the runtime's binding takes for empty.
  const bits: Tensor = new Tensor('uint16', array, [...shape])
  return Object.defineProperty(bits, 'type', { value: 'float16' })
}

/** The elements of an output. Those of float16 come in a Float16Array where there is one; bits are wanted, not numbers. */
export function cacheElements({ type, data }: Tensor): CacheArray {
  if (type === 'float32') return data as Float32Array
  const { buffer, byteOffset, length } = data as Uint16Array
  return new Uint16Array(buffer, byteOffset, length)
}
