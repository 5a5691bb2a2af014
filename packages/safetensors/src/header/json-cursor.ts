import { quote } from '../errors.js'

/** A value of a JSON text; objects have no prototype, so that `__proto__` is a key like any other. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/**
 * How deep values that nobody asked for may nest. The format itself needs three levels; without a limit a header
 * of 100 MB of `[` would use up the stack.
 */
const MAX_DEPTH = 32

/**
 * No header of 100 MB describes more tensors than this, since each takes 50 bytes. Shorter entries, as in metadata, could be five
 * times as many, and would keep the engine's hash tables busy for minutes.
 */
const MAX_KEYS = 2_000_000

const SCALAR = /true|false|null|NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** What Python writes for floats that JSON has no number for. */
const NON_FINITE: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

/** What is wrong with a JSON text; the caller turns it into an error that names the file. */
interface JsonProblem {
  readonly kind: 'syntax' | 'duplicate'
  readonly message: string
  /** The key that appears twice. */
  readonly key?: string
}

export interface JsonCursor {
  /** Calls `onEntry` with each key; it must consume exactly one value. Refuses a key that appears twice. */
  object(onEntry: (key: string) => void): void
  array(onItem: (index: number) => void): void
  string(): string
  /** A whole number, 0 or larger, without fraction and exponent; may exceed the safe integers. */
  wholeNumber(): number
  value(): JsonValue
  /** Passes over one value; still refuses duplicate keys inside it. */
  skip(): void
  /** The first character of the next value, "" at the end of the text. */
  peek(): string
  /** Demands that only white space follows. */
  end(): void
}

/**
 * Reads a JSON text front to back without building a tree. `JSON.parse` would hide duplicate keys and build millions of objects
 * for a hostile header before the first check; here a wrong entry stops the reading at once.
 * `fail` receives the problem and must throw.
 */
export function createJsonCursor(text: string, fail: (problem: JsonProblem) => never): JsonCursor {
  let position = 0
  let depth = 0

  const syntax = (expected: string): never => {
    const found = position < text.length ? quote(text.slice(position, position + 12)) : 'the end'
    return fail({ kind: 'syntax', message: `expected ${expected} at character ${position}, found ${found}` })
  }

  const skipWhiteSpace = (): void => {
    for (; position < text.length; position++) {
      const unit = text.charCodeAt(position)
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
    }
  }

  const peek = (): string => {
    skipWhiteSpace()
    return text.charAt(position)
  }

  const accept = (character: string): boolean => {
    skipWhiteSpace()
    if (text.charCodeAt(position) !== character.charCodeAt(0)) return false
    position++
    return true
  }

  const expect = (character: string, what = `"${character}"`): void => {
    if (!accept(character)) syntax(what)
  }

  const enter = (): void => {
    if (++depth > MAX_DEPTH) syntax(`at most ${MAX_DEPTH} levels of nesting`)
  }

  const object = (onEntry: (key: string) => void): void => {
    expect('{', 'an object')
    enter()
    const seen = new Set<string>()
    if (!accept('}')) {
      do {
        skipWhiteSpace()
        const key = string()
        if (seen.has(key)) fail({ kind: 'duplicate', message: 'a key appears twice', key })
        if (seen.add(key).size > MAX_KEYS) syntax(`at most ${MAX_KEYS} keys in one object`)
        expect(':')
        onEntry(key)
      } while (accept(','))
      expect('}', '"," or "}"')
    }
    depth--
  }

  const array = (onItem: (index: number) => void): void => {
    expect('[', 'an array')
    enter()
    if (!accept(']')) {
      let index = 0
      do onItem(index++)
      while (accept(','))
      expect(']', '"," or "]"')
    }
    depth--
  }

  const string = (): string => {
    expect('"', 'a string')
    const start = position
    let escaped = false
    for (; position < text.length; position++) {
      const unit = text.charCodeAt(position)
      if (unit === 0x22) {
        const raw = text.slice(start, position++)
        return escaped ? decodeEscapes(raw) : raw
      }
      if (unit < 0x20) syntax('no raw control character in a string')
      if (unit === 0x5c) {
        escaped = true
        position++
      }
    }
    return syntax('the closing quote of a string')
  }

  const decodeEscapes = (raw: string): string => {
    let value: string
    try {
      value = JSON.parse(`"${raw}"`) as string
    } catch {
      return syntax('valid escapes in the string before')
    }
    // Half a surrogate pair has no UTF-8 form: it could be neither written again nor compared reliably.
    if (/\p{Surrogate}/u.test(value)) return syntax('whole surrogate pairs in the string before')
    return value
  }

  const wholeNumber = (): number => {
    skipWhiteSpace()
    const start = position
    while (isDigit(text.charCodeAt(position))) position++
    const digits = text.slice(start, position)
    const more = text.charAt(position)
    if (
      digits === '' ||
      (digits.length > 1 && digits[0] === '0') ||
      more === '.' ||
      more === 'e' ||
      more === 'E'
    ) {
      position = start
      syntax('a whole number, 0 or larger, without leading 0, fraction and exponent')
    }
    return Number(digits)
  }

  const value = (): JsonValue => {
    switch (peek()) {
      case '"':
        return string()
      case '{': {
        const entries = Object.create(null) as Record<string, JsonValue>
        object((key) => {
          entries[key] = value()
        })
        return entries
      }
      case '[': {
        const items: JsonValue[] = []
        array(() => items.push(value()))
        return items
      }
      default:
        return scalar()
    }
  }

  const scalar = (): number | boolean | null => {
    skipWhiteSpace()
    SCALAR.lastIndex = position
    const found = SCALAR.exec(text)?.[0] ?? syntax('a JSON value')
    position += found.length
    return NON_FINITE.get(found) ?? (JSON.parse(found) as number | boolean | null)
  }

  const skip = (): void => {
    const next = peek()
    if (next === '"') string()
    else if (next === '{') object(skip)
    else if (next === '[') array(skip)
    else scalar()
  }

  const end = (): void => {
    if (peek() !== '') syntax('the end of the text')
  }

  return { object, array, string, wholeNumber, value, skip, peek, end }
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}
