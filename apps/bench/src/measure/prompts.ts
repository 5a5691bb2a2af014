import { createRandom } from './random.js'

/** Prompts of random tokens, the same in every process, each unlike those before: nothing can be kept from them. */
export function createPrompts(vocabulary: number): (length: number) => number[] {
  const random = createRandom(0x2545f491)
  return (length) => Array.from({ length }, () => FIRST_ORDINARY + (random() % (vocabulary - FIRST_ORDINARY)))
}

/** The ids before are often special tokens. */
const FIRST_ORDINARY = 3
