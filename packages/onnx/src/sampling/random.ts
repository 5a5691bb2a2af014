import { randomInt } from 'node:crypto'

/** A number in [0, 1), other each time. */
export type Random = () => number

/**
 * xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number generators"), two draws a number for 53
 * random bits. The state is filled from the seed by splitmix32, as its authors recommend, so that neighbouring seeds
 * give unrelated sequences.
 *
 * @param seed a safe integer of at least 0; all 53 bits count. Without one, the system's randomness chooses.
 */
export function createRandom(seed: number = randomInt(2 ** 48 - 1)): Random {
  const low = splitmix32(seed >>> 0)
  const high = splitmix32(Math.floor(seed / 2 ** 32) ^ 0x5bd1e995)
  let a = low()
  let b = low()
  let c = high()
  let d = high() | 1 // an all-zero state would stay zero

  function next(): number {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }

  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53
}

function splitmix32(state: number): () => number {
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return mixed ^ (mixed >>> 16)
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
