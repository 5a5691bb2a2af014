const BMP = 0x10000
const [UNKNOWN, OUTSIDE, INSIDE] = [0, 1, 2]

/** A set of code points. */
export interface CharacterSet {
  has(code: number): boolean
}

/**
 * The code points that a regular expression of one character matches. Its engine is asked once for each code point of
 * the basic plane, and never about a whole text, so it cannot backtrack.
 *
 * @param source one character or class, such as `[\p{L}\p{N}]`
 * @param flags 'v' or 'iv'
 */
export function createCharacterSet(source: string, flags = 'v'): CharacterSet {
  const pattern = new RegExp(`^(?:${source})$`, flags)
  const known = new Uint8Array(BMP)
  return {
    has(code) {
      if (code >= BMP) return pattern.test(String.fromCodePoint(code))
      if (known[code] === UNKNOWN) {
        known[code] = pattern.test(String.fromCharCode(code)) ? INSIDE : OUTSIDE
      }
      return known[code] === INSIDE
    },
  }
}

/** Code units of a code point. */
export function widthOf(code: number): number {
  return code < BMP ? 1 : 2
}
