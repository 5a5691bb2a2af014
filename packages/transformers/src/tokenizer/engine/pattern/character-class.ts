/** What the classes of Oniguruma hold for Unicode texts, in the notation of a class with the flag `v`. */
const shorthands: { readonly [letter: string]: string } = {
  s: '\\p{White_Space}',
  d: '\\p{Nd}',
  w: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}',
  h: '0-9a-fA-F',
}

const posixClasses: { readonly [name: string]: string } = {
  alpha: '\\p{Alphabetic}',
  digit: '\\p{Nd}',
  alnum: '\\p{Alphabetic}\\p{Nd}',
  upper: '\\p{Uppercase}',
  lower: '\\p{Lowercase}',
  space: '\\p{White_Space}',
  blank: '\\p{Zs}\\t',
  punct: '\\p{P}\\p{S}',
  cntrl: '\\p{Cc}',
  xdigit: '0-9a-fA-F',
  word: shorthands.w!,
  ascii: '\\u{0}-\\u{7F}',
  any: '\\u{0}-\\u{10FFFF}',
}
const outsideOfGraph = '\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}'
const negatedPosix: { readonly [name: string]: string } = {
  graph: outsideOfGraph,
  print: '\\p{Cc}\\p{Cn}\\p{Cs}',
}

/** The members of `\s`, `\d`, `\w` or `\h`, of their negations, or undefined for any other letter. */
export function shorthandClass(letter: string): string | undefined {
  const members = shorthands[letter.toLowerCase()]
  if (members === undefined) return undefined
  return letter === letter.toLowerCase() ? members : `[^${members}]`
}

/** A code point as a member of a class. */
export function literalMember(code: number): string {
  return `\\u{${code.toString(16)}}`
}

/** The code point of a member that `literalMember` wrote, which may begin or end a range; undefined for a class. */
export function literalCode(member: string): number | undefined {
  const digits = /^\\u\{(\w+)\}$/.exec(member)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 16)
}

/**
 * The members of `\p{name}` or `[:name:]`; undefined for a property that nobody knows. Case, spaces, hyphens and
 * underscores of a name do not count.
 */
export function propertyClass(name: string, negative: boolean): string | undefined {
  const plain = name.replace(/[\s_-]/g, '').toLowerCase()
  const graphic = negatedPosix[plain]
  if (graphic !== undefined) return negative ? `[${graphic}]` : `[^${graphic}]`
  const members = posixClasses[plain] ?? unicodeProperty(name)
  if (members === undefined) return undefined
  return negative ? `[^${members}]` : members
}

/** Spellings that JavaScript knows for a general category, a script or a binary property. */
function unicodeProperty(name: string): string | undefined {
  const words = name.trim().split(/[\s_-]+/)
  const title = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()).join('_')
  const spellings = [...new Set([name.trim(), title])]
  for (const spelling of spellings) {
    if (!/^\w+$/.test(spelling)) continue
    for (const member of [`\\p{${spelling}}`, `\\p{Script=${spelling}}`]) {
      if (isKnown(member)) return member
    }
  }
  return undefined
}

function isKnown(member: string): boolean {
  try {
    return new RegExp(member, 'v') !== undefined
  } catch {
    return false
  }
}
