import { type CharacterTest, characterClass, ignoringCase, NEWLINE } from './characters.js'
import type { CodePoints, PatternNode } from './pattern-node.js'
import { PatternReader } from './pattern-reader.js'

interface Flags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
  readonly ascii: boolean
}

const NO_FLAGS: Flags = { ignoreCase: false, multiline: false, dotAll: false, ascii: false }
const FLAG_BY_LETTER = { i: 'ignoreCase', m: 'multiline', s: 'dotAll', a: 'ascii' } as const

/** Deeper than any pattern that a person wrote; each level is a few frames of the stack. */
const MAX_DEPTH = 100

/**
 * Parses a pattern of Python's `re` (3.11). Offered is what can be matched in time that grows with the text alone:
 * everything but references to groups, conditions, atomic groups, possessive quantifiers, the verbose flag and
 * characters by name. Lookbehinds may have any width.
 *
 * @throws PatternFault for what is not offered, and for what Python refuses.
 */
export function parsePattern(source: string): PatternNode {
  const reader = new PatternReader(source)
  const node = parseChoice(reader, leadingFlags(reader), 0)
  if (!reader.done) throw reader.invalid('")" closes no group')
  return node
}

/** "(?i)" and the like, which Python allows at the start alone and which hold for the whole pattern. */
function leadingFlags(reader: PatternReader): Flags {
  let flags = NO_FLAGS
  for (;;) {
    const found = reader.takeMatch(/\(\?([aiLmsux]+)\)/y)
    if (found === undefined) return flags
    flags = withFlags(reader, flags, found[1] as string, true)
  }
}

function withFlags(reader: PatternReader, flags: Flags, letters: string, value: boolean): Flags {
  let result = flags
  for (const letter of letters) {
    if (letter === 'u') continue
    const name = FLAG_BY_LETTER[letter as keyof typeof FLAG_BY_LETTER]
    if (name === undefined) throw reader.notOffered(`the flag "${letter}"`)
    result = { ...result, [name]: value }
  }
  return result
}

function parseChoice(reader: PatternReader, flags: Flags, depth: number): PatternNode {
  if (depth > MAX_DEPTH) throw reader.notOffered(`more than ${MAX_DEPTH} groups inside each other`)
  const items = [parseSequence(reader, flags, depth)]
  while (reader.take('|')) items.push(parseSequence(reader, flags, depth))
  return items.length === 1 ? (items[0] as PatternNode) : { kind: 'choice', items }
}

function parseSequence(reader: PatternReader, flags: Flags, depth: number): PatternNode {
  const items: PatternNode[] = []
  while (!reader.done && !reader.at('|') && !reader.at(')')) {
    if (reader.takeMatch(/\(\?#[^)]*\)/y) !== undefined) continue
    const begin = reader.place
    const item = parseItem(reader, flags, depth)
    items.push(parseQuantifier(reader, item, begin))
  }
  return { kind: 'sequence', items }
}

function parseQuantifier(reader: PatternReader, item: PatternNode, begin: number): PatternNode {
  const range = takeRange(reader)
  if (range === undefined) return item
  if (item.kind === 'place') throw reader.invalid('nothing to repeat', begin)
  if (range.most < range.least) throw reader.invalid('a repetition whose limits are the wrong way round')
  // Which of several ways to match is preferred does not change whether there is one.
  if (!reader.take('?') && reader.at('+')) throw reader.notOffered('a possessive quantifier')
  if (takeRange(reader) !== undefined) throw reader.invalid('a quantifier after a quantifier')
  return { kind: 'repeat', item, ...range }
}

function takeRange(reader: PatternReader): { least: number; most: number } | undefined {
  if (reader.take('*')) return { least: 0, most: Number.POSITIVE_INFINITY }
  if (reader.take('+')) return { least: 1, most: Number.POSITIVE_INFINITY }
  if (reader.take('?')) return { least: 0, most: 1 }
  // Other braces are characters.
  const counted = reader.takeMatch(/\{(?:(\d+)|(\d*)(,)(\d*))\}/y)
  if (counted === undefined) return undefined
  const [, exactly, least, , most] = counted
  if (exactly !== undefined) return { least: Number(exactly), most: Number(exactly) }
  return { least: Number(least), most: most ? Number(most) : Number.POSITIVE_INFINITY }
}

function parseItem(reader: PatternReader, flags: Flags, depth: number): PatternNode {
  const character = reader.next()
  switch (character) {
    case '(':
      return parseGroup(reader, flags, depth)
    case '[':
      return parseClass(reader, flags)
    case '\\':
      return parseEscape(reader, flags)
    case '.':
      return { kind: 'character', accepts: flags.dotAll ? () => true : (point) => point !== NEWLINE }
    case '^':
      return { kind: 'place', holds: flags.multiline ? beginsLine : (_, place) => place === 0 }
    case '$':
      return { kind: 'place', holds: flags.multiline ? endsLine : endsText }
    case '*':
    case '+':
    case '?':
      throw reader.invalid('nothing to repeat', reader.place - 1)
    default:
      return literal(character.codePointAt(0) as number, flags)
  }
}

const beginsLine = (text: CodePoints, place: number) => place === 0 || text[place - 1] === NEWLINE
const endsLine = (text: CodePoints, place: number) => place === text.length || text[place] === NEWLINE
/** Python's "$" also stands before a newline that ends the text. */
const endsText = (text: CodePoints, place: number) =>
  place === text.length || (place === text.length - 1 && text[place] === NEWLINE)

function literal(point: number, flags: Flags): PatternNode {
  return character((other) => other === point, flags)
}

const character = (accepts: CharacterTest, { ignoreCase }: Flags): PatternNode => ({
  kind: 'character',
  accepts: ignoreCase ? ignoringCase(accepts) : accepts,
})

function parseGroup(reader: PatternReader, flags: Flags, depth: number): PatternNode {
  const begin = reader.place - 1
  const look = reader.takeMatch(/\?(<?)([=!])/y)
  const scoped = look === undefined ? reader.takeMatch(/\?([aimsuLx]*)(?:-([aimsuLx]+))?:/y) : undefined
  const isNamed = reader.takeMatch(/\?P<[\p{L}_][\p{L}\p{N}_]*>/uy) !== undefined
  if (look === undefined && scoped === undefined && !isNamed && reader.at('?')) {
    throw reader.notOffered(describeExtension(reader.rest(4)), begin)
  }
  let inner = flags
  if (scoped?.[1]) inner = withFlags(reader, inner, scoped[1], true)
  if (scoped?.[2]) inner = withFlags(reader, inner, scoped[2], false)
  const body = parseChoice(reader, inner, depth + 1)
  if (!reader.take(')')) throw reader.invalid('a group that is not closed', begin)
  if (look === undefined) return body
  return { kind: 'look', ahead: look[1] === '', negative: look[2] === '!', body }
}

function describeExtension(text: string): string {
  if (text.startsWith('?P=')) return 'a reference to a group'
  if (text.startsWith('?>')) return 'an atomic group'
  if (text.startsWith('?(')) return 'a condition on a group'
  return `a group that begins with "(${text}"`
}

/** What a backslash stands for outside of a class. */
function parseEscape(reader: PatternReader, flags: Flags): PatternNode {
  const letter = reader.peek()
  if (letter === 'A' || letter === 'Z' || letter === 'b' || letter === 'B') {
    reader.next()
    return { kind: 'place', holds: placeTest(letter, flags) }
  }
  const set = characterClass(letter, flags.ascii)
  if (set !== undefined) {
    reader.next()
    return character(set, flags)
  }
  if (/[1-9]/.test(letter) && !/^[0-3][0-7]{2}/.test(reader.rest(3))) {
    throw reader.notOffered('a reference to a group', reader.place - 1)
  }
  return literal(reader.escapedPoint(), flags)
}

function placeTest(letter: 'A' | 'Z' | 'b' | 'B', flags: Flags) {
  if (letter === 'A') return (_: CodePoints, place: number) => place === 0
  if (letter === 'Z') return (text: CodePoints, place: number) => place === text.length
  const isWord = characterClass('w', flags.ascii) as CharacterTest
  const at = (text: CodePoints, place: number) => {
    const point = text[place]
    return point !== undefined && isWord(point)
  }
  return (text: CodePoints, place: number) => (at(text, place - 1) !== at(text, place)) === (letter === 'b')
}

/** A class in brackets, whose opening bracket is read. A closing one in the first place is a character. */
function parseClass(reader: PatternReader, flags: Flags): PatternNode {
  const begin = reader.place - 1
  const isNegative = reader.take('^')
  const tests: CharacterTest[] = []
  do {
    if (reader.done) throw reader.invalid('a class that is not closed', begin)
    const first = classMember(reader, flags)
    const isRange = reader.at('-') && reader.rest(2) !== '-]' && reader.rest(2).length === 2
    if (!isRange) {
      tests.push(typeof first === 'number' ? (point) => point === first : first)
      continue
    }
    reader.next()
    const last = classMember(reader, flags)
    if (typeof first !== 'number' || typeof last !== 'number' || last < first) {
      throw reader.invalid('a range of characters that ends before it begins', begin)
    }
    tests.push((point) => first <= point && point <= last)
  } while (!reader.take(']'))
  const any: CharacterTest = (point) => tests.some((accepts) => accepts(point))
  const folded = flags.ignoreCase ? ignoringCase(any) : any
  return { kind: 'character', accepts: isNegative ? (point) => !folded(point) : folded }
}

/** One character of a class, or one of the classes that a letter stands for. */
function classMember(reader: PatternReader, flags: Flags): number | CharacterTest {
  const character = reader.next()
  if (character !== '\\') return character.codePointAt(0) as number
  const set = characterClass(reader.peek(), flags.ascii)
  if (set !== undefined) {
    reader.next()
    return set
  }
  return reader.take('b') ? 8 : reader.escapedPoint()
}
