import type { Refuse } from '../errors.js'
import { MAX_VALUE_BYTES } from './limits.js'

/** Counts the memory that the values of one file take, by estimate, and refuses when it is too much. */
export interface Budget {
  charge(bytes: number): void
}

// Measured on 64-bit V8 and rounded up.
export const NODE_BYTES = 96
export const ITEM_BYTES = 16
export const DICT_BYTES = 224
export const ENTRY_BYTES = 48

export function createBudget(refuse: Refuse): Budget {
  let spent = 0
  return {
    charge(bytes) {
      spent += bytes
      if (spent > MAX_VALUE_BYTES) {
        refuse('PICKLE_LIMIT', `the pickle builds more than ${MAX_VALUE_BYTES} bytes of values`)
      }
    },
  }
}
