export type CharacterTest = (point: number) => boolean

const within = (expression: RegExp) => (point: number) => expression.test(String.fromCodePoint(point))
const isControlSpace: CharacterTest = (point) => (point >= 9 && point <= 13) || point === 32
const isOtherSpace = within(/^[\p{Zs}\u2028\u2029]$/u)

const ASCII = { d: within(/^[0-9]$/), s: isControlSpace, w: within(/^[0-9A-Za-z_]$/) } as const
const UNICODE = {
  d: within(/^\p{Nd}$/u),
  // Python counts the separators of files, groups, records and units, and the line end of EBCDIC, among white space.
  s: (point: number) =>
    isControlSpace(point) || (point >= 0x1c && point <= 0x1f) || point === 0x85 || isOtherSpace(point),
  w: within(/^[\p{L}\p{N}_]$/u),
} as const

/** The class of `\d`, `\s`, `\w` or their opposites; undefined for another letter. */
export function characterClass(letter: string, asciiOnly: boolean): CharacterTest | undefined {
  const name = letter.toLowerCase()
  if (name !== 'd' && name !== 's' && name !== 'w') return undefined
  const isMember = (asciiOnly ? ASCII : UNICODE)[name]
  return letter === name ? isMember : (point) => !isMember(point)
}

/** True when two characters differ in nothing but case. */
export function ignoringCase(accepts: CharacterTest): CharacterTest {
  return (point) => accepts(point) || otherCases(point).some(accepts)
}

function otherCases(point: number): readonly number[] {
  const character = String.fromCodePoint(point)
  return [character.toLowerCase(), character.toUpperCase()]
    .filter((other) => other !== character && [...other].length === 1)
    .map((other) => other.codePointAt(0) as number)
}

export const NEWLINE = 10
