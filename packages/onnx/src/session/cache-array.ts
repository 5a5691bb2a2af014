import type { CacheShape } from './protocol.js'

/** Elements of a key/value cache: float32 numbers, or the bits of float16 ones. */
export type CacheArray = Float32Array | Uint16Array

export const newCacheArray = (
  { dtype = 'float32' }: Pick<CacheShape, 'dtype'>,
  length: number,
): CacheArray => (dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length))

/** An array that becomes longer and shorter where it lies: what it keeps is not copied, and what is new is zeros. */
export interface GrowingCacheArray {
  /** Of the present length; a view that was taken before is not to be used. */
  readonly array: CacheArray
  /** @throws RangeError beyond `MOST_BYTES`, or where there is no memory. The array stays as it was then. */
  resize(length: number): void
}

/** No engine of JavaScript lets a buffer grow beyond this. */
export const MOST_BYTES = 2 ** 32 - 2 ** 16

/**
 * Takes addresses for all that it may become, and memory for what is written: where fresh memory is dear, as in a virtual
 * machine, copying a cache into a longer array takes as long as several tokens.
 */
export function growingCacheArray(shape: Pick<CacheShape, 'dtype'>): GrowingCacheArray {
  const buffer = new ArrayBuffer(0, { maxByteLength: MOST_BYTES })
  const view = (length: number): CacheArray =>
    shape.dtype === 'float16' ? new Uint16Array(buffer, 0, length) : new Float32Array(buffer, 0, length)
  let array = view(0)
  return {
    get array() {
      return array
    },
    resize(length) {
      buffer.resize(length * elementBytes(shape))
      array = view(length)
    },
  }
}

export const elementBytes = ({ dtype = 'float32' }: Pick<CacheShape, 'dtype'>): number =>
  dtype === 'float32' ? Float32Array.BYTES_PER_ELEMENT : Uint16Array.BYTES_PER_ELEMENT
