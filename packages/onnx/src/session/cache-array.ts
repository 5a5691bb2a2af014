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

/** The V8 of Node 20 lets no buffer grow to 4 GiB. */
export const MOST_BYTES = 2 ** 32 - 2 ** 16

/** Addresses of a new array, in bytes: programs may have a limit of those, too. */
const FIRST_ADDRESSES = 32 * 2 ** 20

/**
 * Takes addresses ahead, and memory for what is written: where fresh memory is dear, as in a virtual machine, copying a
 * cache into a longer array takes as long as several tokens. An array that outgrows its addresses is copied to where there
 * are four times as many.
 */
export function growingCacheArray(shape: Pick<CacheShape, 'dtype'>): GrowingCacheArray {
  const view = (bytes: ArrayBuffer, length: number): CacheArray =>
    shape.dtype === 'float16' ? new Uint16Array(bytes, 0, length) : new Float32Array(bytes, 0, length)
  let buffer = new ArrayBuffer(0, { maxByteLength: FIRST_ADDRESSES })
  let array = view(buffer, 0)
  return {
    get array() {
      return array
    },
    resize(length) {
      const bytes = length * elementBytes(shape)
      if (bytes <= buffer.maxByteLength) {
        buffer.resize(bytes)
        array = view(buffer, length)
        return
      }
      const addresses = Math.max(bytes, Math.min(4 * bytes, MOST_BYTES))
      const wider = new ArrayBuffer(bytes, { maxByteLength: addresses })
      const copied = view(wider, length)
      copied.set(array)
      ;[buffer, array] = [wider, copied]
    },
  }
}

export const elementBytes = ({ dtype = 'float32' }: Pick<CacheShape, 'dtype'>): number =>
  dtype === 'float32' ? Float32Array.BYTES_PER_ELEMENT : Uint16Array.BYTES_PER_ELEMENT
