/** Prompts of random tokens, the same in every process, each unlike those before: nothing can be kept from them. */
export function createPrompts(vocabulary: number): (length: number) => number[] {
  let state = 0x2545f491
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  return (length) => Array.from({ length }, () => FIRST_ORDINARY + (next() % (vocabulary - FIRST_ORDINARY)))
}

/** The ids before are often special tokens. */
const FIRST_ORDINARY = 3
