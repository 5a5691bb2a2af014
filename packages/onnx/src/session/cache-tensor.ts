import { Tensor } from 'onnxruntime-node'
import type { CacheArray } from './cache-array.js'

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
