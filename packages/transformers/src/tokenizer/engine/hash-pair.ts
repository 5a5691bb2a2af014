import { randomInt } from 'node:crypto'

/** Odd numbers of this process: a file whose pairs all fall on one another, so that each search reads all, needs them. */
const [inner, outer] = [randomOdd(), randomOdd()]

function randomOdd(): number {
  return randomInt(2 ** 28, 2 ** 31) * 2 + 1
}

/** A number of 32 bits for a pair of numbers, whose lowest bits are as good as the others. */
export function hashPair(left: number, right: number): number {
  const hash = Math.imul(left ^ Math.imul(right, inner), outer)
  return hash ^ (hash >>> 15)
}
