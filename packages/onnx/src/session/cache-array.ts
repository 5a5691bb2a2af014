import type { CacheShape } from './protocol.js'

/** Elements of a key/value cache: float32 numbers, or the bits of float16 ones. */
export type CacheArray = Float32Array | Uint16Array

export const newCacheArray = (
  { dtype = 'float32' }: Pick<CacheShape, 'dtype'>,
  length: number,
): CacheArray => (dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length))

export const elementBytes = ({ dtype = 'float32' }: Pick<CacheShape, 'dtype'>): number =>
  dtype === 'float32' ? Float32Array.BYTES_PER_ELEMENT : Uint16Array.BYTES_PER_ELEMENT
