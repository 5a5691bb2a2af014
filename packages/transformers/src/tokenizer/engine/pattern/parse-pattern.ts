import { literalCode, literalMember, propertyClass, shorthandClass } from './character-class.js'
import { type Flags, withFlags } from './pattern-flags.js'
import type { Assertion, ParsedPattern, PatternNode, RepeatMode, SetSource } from './pattern-node.js'

/** Groups and classes within one another; a real pattern has three or four levels. */
const MAX_DEPTH = 100
/** The longest published pattern has some hundred characters. */
const MAX_LENGTH = 10_000
/** Different characters and classes; each one takes a table of the basic plane once it is met. */
const MAX_SETS = 1000
/** Repetitions of repetitions, such as `a**`, which are levels of nesting, too. */
const MAX_QUANTIFIERS = 10
/** Repetitions that are written out; more than a thousand only serve to fill memory. */
const MAX_REPEAT = 1000

/** The reason why a pattern cannot be used, with what was found where. */
export class PatternSyntaxError extends Error {}

const escapes: { readonly [letter: string]: number } = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 }

const assertions: { readonly [letter: string]: Assertion } = {
  A: 'text-start',
  z: 'text-end',
  Z: 'text-end-or-newline',
  b: 'word-boundary',
  B: 'no-word-boundary',
}

/**
 * Reads a pattern in the syntax that the Rust library uses: Oniguruma's for Ruby, Unicode throughout. Groups capture
 * nothing, since nobody asks for them. Throws PatternSyntaxError for what is not in it, back references included.
 */
export function parsePattern(source: string): ParsedPattern {
  if (source.length > MAX_LENGTH) {
    throw new PatternSyntaxError(`${source.length} characters, more than ${MAX_LENGTH}`)
  }
  const characters = Array.from(source)
  const sets: SetSource[] = []
  let at = 0

  const root = parseChoice({ ignoreCase: false, dotAll: false, extended: false }, 0)
  if (at < characters.length) throw refuse(`a ")" without "("`)
  return { root, sets }

  function parseChoice(outer: Flags, depth: number): PatternNode {
    if (depth > MAX_DEPTH) throw refuse(`more than ${MAX_DEPTH} groups within one another`)
    let flags = outer
    const choices: PatternNode[] = []
    let items: PatternNode[] = []
    while (at < characters.length && characters[at] !== ')') {
      if (take('|')) {
        choices.push(sequence(items))
        items = []
        continue
      }
      if (flags.extended && skipComment()) continue
      const changed = parseFlagChange(flags)
      if (changed !== undefined) {
        flags = changed
        continue
      }
      const atom = parseAtom(flags, depth)
      items.push(parseQuantifiers(atom))
    }
    choices.push(sequence(items))
    return choices.length === 1 ? choices[0]! : { type: 'choice', items: choices }
  }

  function skipComment(): boolean {
    if (/\s/.test(characters[at]!)) {
      at++
      return true
    }
    if (characters[at] !== '#') return false
    while (at < characters.length && characters[at] !== '\n') at++
    return true
  }

  /** `(?i)` changes the flags up to the end of the group around it. */
  function parseFlagChange(flags: Flags): Flags | undefined {
    const match = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(ahead(12))
    if (match === null) return undefined
    at += match[0].length
    return withFlags(flags, match[1]!, match[2] ?? '')
  }

  function parseAtom(flags: Flags, depth: number): PatternNode {
    const character = characters[at]!
    if (character === '(') return parseGroup(flags, depth)
    if (character === '[') return set(parseClass(0), flags)
    at++
    if (character === '\\') return parseEscape(flags)
    if (character === '.') return set(flags.dotAll ? '[\\u{0}-\\u{10FFFF}]' : '[^\\n]', flags)
    if (character === '^') return { type: 'assertion', kind: 'line-start' }
    if (character === '$') return { type: 'assertion', kind: 'line-end' }
    if ('*+?'.includes(character)) throw refuse(`"${character}" that repeats nothing`)
    return set(`[${literalMember(character.codePointAt(0)!)}]`, flags)
  }

  function parseGroup(flags: Flags, depth: number): PatternNode {
    const start = /^\((?:\?(?:([:=!>]|<=|<!)|([imx]*)(?:-([imx]*))?:|<\w+>|#))?/.exec(ahead(80))![0]
    if (start === '(' && characters[at + 1] === '?') throw refuse(`the group "${ahead(4)}"`)
    at += start.length
    if (start === '(?#') {
      while (at < characters.length && characters[at] !== ')') at++
      close()
      return sequence([])
    }
    const scoped = /^\(\?([imx]*)(?:-([imx]*))?:$/.exec(start)
    const inner = scoped === null ? flags : withFlags(flags, scoped[1]!, scoped[2] ?? '')
    const item = parseChoice(inner, depth + 1)
    close()
    if (start === '(?>') return { type: 'atomic', item }
    const look = /^\(\?(<?)([=!])$/.exec(start)
    if (look === null) return item
    return { type: 'look', behind: look[1] === '<', negative: look[2] === '!', item }
  }

  function close(): void {
    if (!take(')')) throw refuse('a "(" without ")"')
  }

  function parseEscape(flags: Flags): PatternNode {
    const kind = assertions[characters[at] ?? '']
    if (kind !== undefined) {
      at++
      return { type: 'assertion', kind }
    }
    if (characters[at] === 'R') {
      at++
      return parseNewline()
    }
    if (/[1-9kgGKXyY]/.test(characters[at] ?? '')) throw refuse(`"\\${characters[at]}"`)
    return set(`[${parseEscapedMember()}]`, flags)
  }

  /** `\R`: a line end of any kind, "\r\n" as one. */
  function parseNewline(): PatternNode {
    const none = { ignoreCase: false, dotAll: false, extended: false }
    const pair = sequence([set('[\\r]', none), set('[\\n]', none)])
    const item: PatternNode = {
      type: 'choice',
      items: [pair, set('[\\n-\\r\\u{85}\\u{2028}\\u{2029}]', none)],
    }
    return { type: 'atomic', item }
  }

  /** What follows a backslash, as members of a class. */
  function parseEscapedMember(): string {
    const letter = characters[at++]
    if (letter === undefined) throw refuse('a backslash at the end')
    const shorthand = shorthandClass(letter)
    if (shorthand !== undefined) return shorthand
    if (letter === 'p' || letter === 'P') return parseProperty(letter === 'P')
    if (letter === 'x' || letter === 'u') return literalMember(parseHexadecimal(letter))
    if (letter === '0') return literalMember(0)
    return literalMember(escapes[letter] ?? letter.codePointAt(0)!)
  }

  function parseProperty(outerNegative: boolean): string {
    const match = /^\{(\^?)([^}]*)\}/.exec(ahead(80)) ?? (outerNegative ? null : /^()([A-Z])/.exec(ahead(1)))
    if (match === null) throw refuse('a property without a name')
    at += match[0].length
    const members = propertyClass(match[2]!, outerNegative !== (match[1] === '^'))
    if (members === undefined) throw refuse(`the unknown property "${match[2]}"`)
    return members
  }

  function parseHexadecimal(letter: string): number {
    const match = /^\{([0-9a-fA-F]{1,6})\}/.exec(ahead(8))
    const digits = match ?? (letter === 'u' ? /^([0-9a-fA-F]{4})/ : /^([0-9a-fA-F]{1,2})/).exec(ahead(8))
    if (digits === null) throw refuse(`"\\${letter}" without a number`)
    at += digits[0].length
    const code = Number.parseInt(digits[1]!, 16)
    if (code > 0x10ffff) throw refuse(`the character ${digits[1]}, which does not exist`)
    return code
  }

  /** A class in brackets, as a class of JavaScript with the flag `v`. */
  function parseClass(depth: number): string {
    if (depth > MAX_DEPTH) throw refuse(`more than ${MAX_DEPTH} classes within one another`)
    at++
    const negative = take('^')
    const parts: string[] = []
    let members = ''
    for (let first = true; first || characters[at] !== ']'; first = false) {
      if (at >= characters.length) throw refuse('a "[" without "]"')
      if (characters[at] === '&' && characters[at + 1] === '&') {
        at += 2
        parts.push(members)
        members = ''
        continue
      }
      members += parseMember(depth)
    }
    at++
    parts.push(members)
    const all = parts.length === 1 ? members : parts.map((part) => `[${part}]`).join('&&')
    return `[${negative ? '^' : ''}${all}]`
  }

  function parseMember(depth: number): string {
    const posix = /^\[:(\^?)(\w+):\]/.exec(ahead(20))
    if (posix !== null) {
      at += posix[0].length
      const members = propertyClass(posix[2]!, posix[1] === '^')
      if (members === undefined) throw refuse(`the unknown class "${posix[2]}"`)
      return members
    }
    if (characters[at] === '[') return parseClass(depth + 1)
    const from = parseEnd()
    if (characters[at] !== '-' || characters[at + 1] === ']' || characters[at + 1] === undefined) return from
    const first = literalCode(from)
    if (first === undefined || characters[at + 1] === '[') return from
    at++
    const to = parseEnd()
    const last = literalCode(to)
    if (last === undefined) return `${from}${literalMember(0x2d)}${to}`
    if (last < first) throw refuse('a range that ends before it begins')
    return `${from}-${to}`
  }

  function parseEnd(): string {
    const character = characters[at++]!
    if (character !== '\\') return literalMember(character.codePointAt(0)!)
    if (characters[at] === 'b') {
      at++
      return literalMember(8)
    }
    return parseEscapedMember()
  }

  function parseQuantifiers(atom: PatternNode): PatternNode {
    let node = atom
    for (let count = 0; ; count++) {
      if (count > MAX_QUANTIFIERS) throw refuse(`more than ${MAX_QUANTIFIERS} repetitions of one another`)
      const simple = /^([*+?])([?+]?)/.exec(ahead(2))
      if (simple !== null) {
        at += simple[0].length
        const mode: RepeatMode = simple[2] === '?' ? 'lazy' : simple[2] === '+' ? 'possessive' : 'greedy'
        const min = simple[1] === '+' ? 1 : 0
        node = repeat(node, min, simple[1] === '?' ? 1 : Number.POSITIVE_INFINITY, mode)
        continue
      }
      const counted = /^\{(?:(\d{1,9})(,?)(\d{0,9})|,(\d{1,9}))\}(\??)/.exec(ahead(24))
      if (counted === null) return node
      at += counted[0].length
      node = countedRepeat(node, counted)
    }
  }

  /** `{3}?` is `{3}` or nothing, and `{1,3}+` repeats: neither is lazy or possessive in this syntax. */
  function countedRepeat(node: PatternNode, [, low, comma, high, only, lazy]: RegExpExecArray): PatternNode {
    const min = only === undefined ? Number(low) : 0
    const max = Number(only ?? (high === '' ? (comma === '' ? low : Number.POSITIVE_INFINITY) : high))
    const largest = Number.isFinite(max) ? max : min
    if (largest > MAX_REPEAT || max < min) throw refuse(`the repetition {${low ?? ''},${largest}}`)
    if (lazy === '?' && comma === '' && only === undefined) {
      return repeat(repeat(node, min, max, 'greedy'), 0, 1, 'greedy')
    }
    return repeat(node, min, max, lazy === '?' ? 'lazy' : 'greedy')
  }

  function set(source: string, flags: Flags): PatternNode {
    const wanted: SetSource = { source, flags: flags.ignoreCase ? 'iv' : 'v' }
    const known = sets.findIndex((one) => one.source === wanted.source && one.flags === wanted.flags)
    if (known !== -1) return { type: 'set', set: known }
    if (sets.length === MAX_SETS) throw refuse(`more than ${MAX_SETS} different characters and classes`)
    return { type: 'set', set: sets.push(wanted) - 1 }
  }

  function take(character: string): boolean {
    if (characters[at] !== character) return false
    at++
    return true
  }

  function ahead(length: number): string {
    return characters.slice(at, at + length).join('')
  }

  function refuse(what: string): PatternSyntaxError {
    return new PatternSyntaxError(`${what} at position ${at}`)
  }
}

function sequence(items: readonly PatternNode[]): PatternNode {
  return items.length === 1 ? items[0]! : { type: 'sequence', items }
}

function repeat(item: PatternNode, min: number, max: number, mode: RepeatMode): PatternNode {
  return { type: 'repeat', item, min, max, mode }
}
