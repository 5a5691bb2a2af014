import { dtypeBits, type SafetensorsDtype } from '../dtypes.js'

/** Above this a count of elements is no longer exact in a JavaScript number. */
const MAX_ELEMENTS = 2 ** 53 - 1

/**
 * Product of the shape; 1 for a scalar. Undefined when it, or a partial product on the way, passes
 * {@link MAX_ELEMENTS}: like the reference library, a later 0 does not rescue an overflow.
 */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1
  for (const size of shape) {
    count *= size
    if (!(count <= MAX_ELEMENTS)) return undefined
  }
  return count
}

/**
 * Bytes of `elements` elements packed without gaps. Undefined when they do not fill whole bytes; Infinity when the
 * result is no exact number any more.
 */
export function packedBytes(dtype: SafetensorsDtype, elements: number): number | undefined {
  const bits = dtypeBits(dtype)
  // The smallest run that fills whole bytes: two F4 in one byte, four F6 in three, one of anything else.
  const elementsInRun = bits === 4 ? 2 : bits === 6 ? 4 : 1
  if (elements % elementsInRun !== 0) return undefined
  const bytes = (elements / elementsInRun) * ((bits * elementsInRun) / 8)
  return bytes <= Number.MAX_SAFE_INTEGER ? bytes : Number.POSITIVE_INFINITY
}
