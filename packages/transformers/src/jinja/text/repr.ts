import type { Budget } from '../budget.js'
import { TemplateFailure } from '../failure.js'
import {
  Callable,
  Dict,
  DictView,
  Generator,
  Instance,
  isList,
  Markup,
  Namespace,
  Range,
  Tuple,
  Undefined,
  type Value,
} from '../values.js'

/** Python's `str(value)`: what `{{ value }}` writes. */
export function str(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value
  if (value instanceof Markup) return value.text
  if (value instanceof Undefined) return ''
  return repr(value, budget)
}

/** Python's `repr(value)`: texts in quotes, elements of lists and dicts. */
export function repr(value: Value, budget: Budget): string {
  budget.step()
  const text = scalarRepr(value)
  if (text !== undefined) {
    budget.text(text.length)
    return text
  }
  return budget.nested(() => containerRepr(value, budget))
}

function scalarRepr(value: Value): string | undefined {
  if (value === null) return 'None'
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False'
    case 'bigint':
      return intText(value)
    case 'number':
      return floatText(value)
    case 'string':
      return quote(value)
  }
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Markup) return `Markup(${quote(value.text)})`
  if (value instanceof Range) {
    const { start, stop, step } = value
    return step === 1 ? `range(${start}, ${stop})` : `range(${start}, ${stop}, ${step})`
  }
  if (value instanceof Callable) return value.attributes.size > 0 ? `<Macro ${quote(value.name)}>` : undefined
  return undefined
}

function containerRepr(value: Value, budget: Budget): string {
  const list = (items: Iterable<Value>) => {
    const parts: string[] = []
    for (const item of items) parts.push(repr(item, budget))
    return joined(parts, budget)
  }
  const pairs = (entries: Iterable<readonly [Value, Value]>) => {
    const parts: string[] = []
    for (const [key, item] of entries) parts.push(`${repr(key, budget)}: ${repr(item, budget)}`)
    return joined(parts, budget)
  }
  if (isList(value)) return `[${list(value)}]`
  if (value instanceof Tuple)
    return value.items.length === 1 ? `(${list(value.items)},)` : `(${list(value.items)})`
  if (value instanceof Dict) return `{${pairs(value.entries())}}`
  if (value instanceof DictView) return `dict_${value.shows}([${list(value)}])`
  if (value instanceof Namespace) return `<Namespace {${pairs(value.attributes)}}>`
  const name =
    value instanceof Generator ? 'generator' : value instanceof Instance ? value.typeName : 'function'
  // Python writes the address of the object, which no prompt can be meant to hold.
  throw new TemplateFailure(`a ${name} cannot be written as text`)
}

function joined(parts: readonly string[], budget: Budget): string {
  budget.text(parts.reduce((sum, part) => sum + part.length + 2, 0))
  return parts.join(', ')
}

/** Digits of an int; Python refuses more than 4300. */
export function intText(value: bigint): string {
  const text = value.toString()
  if (text.length > 4301) throw new TemplateFailure('an int of more than 4300 digits cannot be written')
  return text
}

/** Python's shortest text of a float: with a point or an exponent, which begins at 1e16 and below 1e-4. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  if (power >= 16 || power < -4) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  }
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\\'"]|(?! )\p{Zs}/gu
const SHORT: { readonly [character: string]: string } = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** A text in quotes: single ones, unless it holds some and no double ones. */
export function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(UNPRINTABLE, (character) => {
    if (character === '"' || character === "'") return character === mark ? `\\${character}` : character
    return SHORT[character] ?? escapeCode(character.codePointAt(0)!)
  })
  return mark + escaped + mark
}

function escapeCode(code: number): string {
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
