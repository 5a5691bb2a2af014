import type { Budget } from '../budget.js'
import { compare } from '../comparison.js'
import { TemplateFailure } from '../failure.js'
import { Dict, isList, Tuple, textOf, typeName, type Value } from '../values.js'
import { floatText, intText } from './repr.js'

/** The arguments of Python's `json.dumps` that the filter `tojson` of transformers passes on. */
export interface JsonStyle {
  readonly ascii: boolean
  /** What one level is indented by, or undefined for one line. */
  readonly indent: string | undefined
  readonly between: string
  readonly afterKey: string
  readonly sorted: boolean
}

/** Python's `json.dumps`. @throws TemplateFailure for what JSON cannot hold. */
export function toJson(value: Value, style: JsonStyle, budget: Budget, level = 0): string {
  budget.step()
  const scalar = scalarJson(value, style)
  if (scalar !== undefined) {
    budget.text(scalar.length)
    return scalar
  }
  const inner = level + 1
  return budget.nested(() => {
    if (isList(value) || value instanceof Tuple) {
      const items = isList(value) ? value : value.items
      return enclosed(
        '[',
        ']',
        items.map((item) => toJson(item, style, budget, inner)),
        style,
        level,
        budget,
      )
    }
    if (value instanceof Dict) {
      const entries = [...value.entries()]
      if (style.sorted) entries.sort(([a], [b]) => compare(a, b, budget))
      const parts = entries.map(
        ([key, item]) => keyJson(key, style, budget) + style.afterKey + toJson(item, style, budget, inner),
      )
      return enclosed('{', '}', parts, style, level, budget)
    }
    throw new TemplateFailure(`Object of type ${typeName(value)} is not JSON serializable`)
  })
}

function scalarJson(value: Value, { ascii }: JsonStyle): string | undefined {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'bigint') return intText(value)
  if (typeof value === 'number') return jsonFloat(value)
  const text = textOf(value)
  return text === undefined ? undefined : quoteJson(text, ascii)
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? floatText(value) : value > 0 ? 'Infinity' : '-Infinity'
}

function keyJson(key: Value, { ascii }: JsonStyle, budget: Budget): string {
  const text = keyText(key)
  budget.text(text.length)
  return quoteJson(text, ascii)
}

function keyText(key: Value): string {
  const text = textOf(key)
  if (text !== undefined) return text
  const scalar = scalarJson(key, {
    ascii: false,
    indent: undefined,
    between: '',
    afterKey: '',
    sorted: false,
  })
  if (scalar !== undefined) return scalar
  throw new TemplateFailure(`keys must be str, int, float, bool or None, not ${typeName(key)}`)
}

function enclosed(
  open: string,
  close: string,
  parts: readonly string[],
  { indent, between }: JsonStyle,
  level: number,
  budget: Budget,
): string {
  if (parts.length === 0) return open + close
  const length = parts.reduce((sum, part) => sum + part.length + between.length, 2)
  if (indent === undefined) {
    budget.text(length)
    return open + parts.join(between) + close
  }
  budget.text(length + (parts.length + 1) * (indent.length * (level + 1) + 1))
  const line = `\n${indent.repeat(level + 1)}`
  return `${open}${line}${parts.join(between + line)}\n${indent.repeat(level)}${close}`
}

const SHORT: { readonly [character: string]: string } = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes control characters.
const ESCAPED = /["\\\x00-\x1f]/g
const ESCAPED_IN_ASCII = /["\\]|[^ -~]/g

function quoteJson(text: string, ascii: boolean): string {
  const escaped = text.replace(
    ascii ? ESCAPED_IN_ASCII : ESCAPED,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}
