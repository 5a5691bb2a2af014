/** A JSON value that keeps how its numbers were written: 10000.0 and 1e-05 mean floats to Python, 10000 an integer. */
export type JsonNode =
  | { readonly kind: 'object'; readonly entries: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'literal'; readonly text: 'true' | 'false' | 'null' | 'NaN' | 'Infinity' | '-Infinity' }

/** A float that stays one when it is a whole number: Python writes 6.0, and reads 6 as an integer. */
export class PythonFloat {
  constructor(readonly value: number) {}

  toJSON(): number {
    return this.value
  }

  valueOf(): number {
    return this.value
  }
}

/** Deeper nesting than any configuration has; a file beyond it is an attack on the stack. */
const MAX_DEPTH = 200

/** More than any configuration holds. Each takes some hundred bytes of memory, and as few as three of the file. */
const MAX_VALUES = 500_000

/** @throws SyntaxError with the offset. Accepts NaN and Infinity, which Python writes. */
export function parseJson(text: string): JsonNode {
  let at = 0
  let values = 0
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at offset ${at}`)
  }
  const skipSpace = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const expect = (symbol: string) => {
    skipSpace()
    if (text[at] !== symbol) fail(`expected "${symbol}"`)
    at++
  }
  const peek = () => {
    skipSpace()
    return text[at]
  }
  const string = (): string => {
    skipSpace()
    const raw = take(STRING) ?? fail('expected a string')
    return JSON.parse(raw) as string
  }
  const value = (depth: number): JsonNode => {
    if (depth > MAX_DEPTH) fail(`more than ${MAX_DEPTH} levels`)
    if (++values > MAX_VALUES) fail(`more than ${MAX_VALUES} values`)
    const first = peek()
    if (first === '{') return object(depth)
    if (first === '[') return array(depth)
    if (first === '"') return { kind: 'string', value: string() }
    const literal = take(LITERAL)
    if (literal !== undefined) return { kind: 'literal', text: literal as 'null' }
    return { kind: 'number', text: take(NUMBER) ?? fail('expected a value') }
  }
  const object = (depth: number): JsonNode => {
    const entries = new Map<string, JsonNode>()
    expect('{')
    while (peek() !== '}') {
      if (entries.size > 0) expect(',')
      const key = string()
      expect(':')
      entries.set(key, value(depth + 1))
    }
    expect('}')
    return { kind: 'object', entries }
  }
  const array = (depth: number): JsonNode => {
    const items: JsonNode[] = []
    expect('[')
    while (peek() !== ']') {
      if (items.length > 0) expect(',')
      items.push(value(depth + 1))
    }
    expect(']')
    return { kind: 'array', items }
  }
  const result = value(0)
  skipSpace()
  if (at < text.length) fail('text after the end')
  return result
}

/**
 * The plain value of a text that Python wrote, quickly where it is JSON in the strict sense: NaN and Infinity are read, too.
 *
 * @throws SyntaxError
 */
export function parseJsonValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return toValue(parseJson(text))
  }
}

/** Where a string ends; `JSON.parse` then judges what is inside. */
const STRING = /"(?:[^"\\]|\\.)*"/sy
const LITERAL = /true|false|null|NaN|Infinity|-Infinity/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** The plain value: numbers become JavaScript numbers. */
export function toValue(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries([...node.entries].map(([key, inner]) => [key, toValue(inner)]))
    case 'array':
      return node.items.map(toValue)
    case 'string':
      return node.value
    case 'number':
      return Number(node.text)
    case 'literal':
      return LITERALS[node.text]
  }
}

const LITERALS = {
  true: true,
  false: false,
  null: null,
  NaN: Number.NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
}

/** A node for a plain value. Numbers are integers where they can be; `PythonFloat` says otherwise. */
export function toNode(value: unknown): JsonNode {
  if (value instanceof PythonFloat) return { kind: 'number', text: pythonFloat(value.value) }
  if (typeof value === 'number') {
    return { kind: 'number', text: Number.isInteger(value) ? String(value) : pythonFloat(value) }
  }
  if (typeof value === 'string') return { kind: 'string', value }
  if (typeof value === 'boolean') return { kind: 'literal', text: value ? 'true' : 'false' }
  if (value === null || value === undefined) return { kind: 'literal', text: 'null' }
  if (Array.isArray(value)) return { kind: 'array', items: value.map(toNode) }
  return {
    kind: 'object',
    entries: new Map(Object.entries(value).map(([key, inner]) => [key, toNode(inner)])),
  }
}

/** `repr` of a Python float: as short as JavaScript's, with an exponent below 1e-4 and from 1e16 on. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split('e') as [string, string]
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
  }
  const text = String(value)
  return text.includes('.') ? text : `${Object.is(value, -0) ? '-0' : text}.0`
}

/** `json.dumps(value, indent=2, sort_keys=True)` and a newline, as Python writes its configuration files. */
export const formatJson = (node: JsonNode): string => `${format(node, '')}\n`

function format(node: JsonNode, indent: string): string {
  const inner = `${indent}  `
  switch (node.kind) {
    case 'object': {
      if (node.entries.size === 0) return '{}'
      const keys = [...node.entries.keys()].sort(byCodePoint)
      const lines = keys.map((key) => `${inner}${asciiString(key)}: ${format(node.entries.get(key)!, inner)}`)
      return `{\n${lines.join(',\n')}\n${indent}}`
    }
    case 'array':
      if (node.items.length === 0) return '[]'
      return `[\n${node.items.map((item) => inner + format(item, inner)).join(',\n')}\n${indent}]`
    case 'string':
      return asciiString(node.value)
    default:
      return node.text
  }
}

const byCodePoint = (left: string, right: string): number => {
  const [a, b] = [[...left], [...right]]
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = a[i]!.codePointAt(0)! - b[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const asciiString = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
