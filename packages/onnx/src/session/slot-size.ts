import { elementBytes } from './cache-array.js'
import type { CacheShape } from './protocol.js'

/** What one more slot takes, in bytes. */
export interface SlotSize {
  /** In all layers. */
  readonly bytes: number
  /** In the array that takes the most. */
  readonly array: number
}

export function slotSize(shape: CacheShape, capacity: number): SlotSize {
  const arrays = shape.layers.flatMap((cache) => {
    if (cache.kind === 'shared') return []
    const { heads, headSize, window } = cache
    return [heads * layerCapacity(window, capacity) * headSize * elementBytes(shape)]
  })
  return { bytes: 2 * arrays.reduce((sum, array) => sum + array, 0), array: Math.max(0, ...arrays) }
}

/** Positions of a slot in one layer. */
export const layerCapacity = (window: number | undefined, capacity: number): number =>
  window === undefined
    ? capacity
    : Math.min(capacity, roundUp(roundUp(window, WINDOW_STEP) + WINDOW_STEP, PART))

/**
 * Tokens are dropped in steps. Sums over the rest then run over the same tokens in the same lanes of the processor as if
 * nothing had been dropped, and come out the same to the bit.
 */
export const WINDOW_STEP = 64

/** Attention reads a cache in parts of so many tokens. */
const PART = 128

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step
