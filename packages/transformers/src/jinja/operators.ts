import type { Budget } from './budget.js'
import { TemplateFailure } from './failure.js'
import type { BinaryOperator } from './syntax.js'
import { countCharacters } from './text/characters.js'
import { formatPercent } from './text/format.js'
import { escapeHtml } from './text/html.js'
import {
  Dict,
  DictView,
  Generator,
  isList,
  isNumber,
  isWhole,
  Markup,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Ints beyond are of no use to a chat, and their arithmetic takes long. */
const MAX_INT_BITS = 20_000

/** Python's `left operator right`. @throws TemplateFailure for types that do not go together. */
export function binary(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  if (isNumber(left) && isNumber(right)) return arithmetic(operator, left, right)
  if (left instanceof Undefined) left.fail()
  if (operator === '%' && textOf(left) !== undefined) return formatPercent(textOf(left)!, right, budget)
  if (right instanceof Undefined) right.fail()
  const combined =
    operator === '+'
      ? add(left, right, budget)
      : operator === '*'
        ? (repeat(left, right, budget) ?? repeat(right, left, budget))
        : undefined
  return combined ?? unsupported(operator, left, right)
}

function unsupported(operator: string, left: Value, right: Value): never {
  throw new TemplateFailure(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  )
}

function add(left: Value, right: Value, budget: Budget): Value | undefined {
  const [a, b] = [textOf(left), textOf(right)]
  if (a !== undefined && b !== undefined) {
    budget.text(a.length + b.length)
    if (typeof left === 'string' && typeof right === 'string') return a + b
    return new Markup(escapeHtml(left) + escapeHtml(right))
  }
  if (isList(left) && isList(right)) {
    budget.step(left.length + right.length)
    return [...left, ...right]
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    budget.step(left.items.length + right.items.length)
    return new Tuple([...left.items, ...right.items])
  }
  return undefined
}

function repeat(value: Value, times: Value, budget: Budget): Value | undefined {
  if (!isWhole(times)) return undefined
  const count = Math.max(0, Number(times))
  const text = textOf(value)
  if (text !== undefined) {
    if (text === '') return value
    budget.text(text.length * count)
    return value instanceof Markup ? new Markup(text.repeat(count)) : text.repeat(count)
  }
  const items = isList(value) ? value : value instanceof Tuple ? value.items : undefined
  if (items === undefined) return undefined
  budget.step(items.length * count)
  const repeated = items.length === 0 ? [] : Array.from({ length: count }, () => items).flat()
  return isList(value) ? repeated : new Tuple(repeated)
}

type Numeric = bigint | boolean | number

function arithmetic(operator: BinaryOperator, left: Numeric, right: Numeric): Value {
  if (typeof left !== 'number' && typeof right !== 'number') {
    return wholeArithmetic(operator, BigInt(left), BigInt(right))
  }
  const [a, b] = [Number(left), Number(right)]
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '**':
      return power(a, b)
  }
  if (b === 0) throw new TemplateFailure('float division by zero')
  if (operator === '/') return a / b
  return operator === '//' ? Math.floor((a - floatModulo(a, b)) / b + 0.5) : floatModulo(a, b)
}

/** The remainder with the sign of the divisor. */
function floatModulo(a: number, b: number): number {
  const remainder = a % b
  return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw new TemplateFailure('0.0 cannot be raised to a negative power')
  const result = a ** b
  if (Number.isNaN(result) && !Number.isNaN(a) && !Number.isNaN(b)) {
    throw new TemplateFailure('complex numbers are not offered')
  }
  return result
}

function wholeArithmetic(operator: BinaryOperator, a: bigint, b: bigint): Value {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      checkBits(bits(a) + bits(b))
      return a * b
    case '**':
      if (b < 0n) return power(Number(a), Number(b))
      checkBits(bits(a) <= 1 ? 1 : (bits(a) - 1) * Number(b))
      return a ** b
  }
  if (b === 0n) throw new TemplateFailure('division by zero')
  if (operator === '/') return Number(a) / Number(b)
  const remainder = a % b
  const turned = remainder !== 0n && remainder < 0n !== b < 0n
  if (operator === '%') return turned ? remainder + b : remainder
  return turned ? a / b - 1n : a / b
}

function bits(value: bigint): number {
  return value.toString(16).length * 4
}

function checkBits(count: number): void {
  if (count > MAX_INT_BITS) throw new TemplateFailure(`it makes an int of more than ${MAX_INT_BITS} bits`)
}

/** Python's `-value` and `+value`. */
export function signed(sign: '-' | '+', value: Value): Value {
  if (value instanceof Undefined) value.fail()
  if (!isNumber(value)) throw new TemplateFailure(`bad operand type for unary ${sign}: '${typeName(value)}'`)
  const number = typeof value === 'boolean' ? BigInt(value) : value
  return sign === '-' ? -number : number
}

/** Python's `left == right`. */
export function equal(left: Value, right: Value, budget: Budget): boolean {
  budget.step()
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right) === 0
  const text = textOf(left)
  if (text !== undefined) return text === textOf(right)
  if (isList(left)) return isList(right) && equalItems(left, right, budget)
  if (left instanceof Tuple) return right instanceof Tuple && equalItems(left.items, right.items, budget)
  if (left instanceof Dict) return right instanceof Dict && equalDicts(left, right, budget)
  if (left instanceof Undefined) return right instanceof Undefined
  if (left instanceof Range) {
    const sameItems = (a: Range, b: Range) =>
      a.length === b.length &&
      (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)))
    return right instanceof Range && sameItems(left, right)
  }
  return left === right
}

function equalItems(left: readonly Value[], right: readonly Value[], budget: Budget): boolean {
  if (left.length !== right.length) return false
  return budget.nested(() => left.every((item, index) => equal(item, right[index]!, budget)))
}

function equalDicts(left: Dict, right: Dict, budget: Budget): boolean {
  if (left.size !== right.size) return false
  return budget.nested(() => {
    for (const [key, value] of left.entries()) {
      const other = right.get(key)
      if (other === undefined || !equal(value, other, budget)) return false
    }
    return true
  })
}

/** Below zero, zero or above zero, as `left` is less than, equal to or greater than `right`; NaN is none of them. */
export function compare(left: Value, right: Value, budget: Budget, operator = '<'): number {
  budget.step()
  if (left instanceof Undefined) left.fail()
  if (right instanceof Undefined) right.fail()
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right)
  const [a, b] = [textOf(left), textOf(right)]
  if (a !== undefined && b !== undefined) return compareTexts(a, b, budget)
  if (isList(left) && isList(right)) return compareItems(left, right, budget, operator)
  if (left instanceof Tuple && right instanceof Tuple) {
    return compareItems(left.items, right.items, budget, operator)
  }
  throw new TemplateFailure(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  )
}

function compareNumbers(left: Numeric, right: Numeric): number {
  const [a, b] = [left, right].map((value) => (typeof value === 'boolean' ? BigInt(value) : value)) as [
    bigint | number,
    bigint | number,
  ]
  return a < b ? -1 : a > b ? 1 : a >= b ? 0 : Number.NaN
}

/** By code points: JavaScript compares halves of them. */
function compareTexts(left: string, right: string, budget: Budget): number {
  const length = Math.min(left.length, right.length)
  budget.scan(length)
  for (let at = 0; at < length; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)]
    if (a === b) continue
    const [isLow, isOtherLow] = [a >= 0xd800 && a <= 0xdfff, b >= 0xd800 && b <= 0xdfff]
    return isLow === isOtherLow ? a - b : isLow ? 1 : -1
  }
  return left.length - right.length
}

function compareItems(
  left: readonly Value[],
  right: readonly Value[],
  budget: Budget,
  operator: string,
): number {
  return budget.nested(() => {
    const length = Math.min(left.length, right.length)
    for (let at = 0; at < length; at++) {
      if (!equal(left[at]!, right[at]!, budget)) return compare(left[at]!, right[at]!, budget, operator)
    }
    return left.length - right.length
  })
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  const text = textOf(container)
  if (text !== undefined) {
    const part = textOf(item)
    if (part === undefined) {
      throw new TemplateFailure(`'in <string>' requires string as left operand, not ${typeName(item)}`)
    }
    budget.scan(text.length)
    return text.includes(part)
  }
  if (container instanceof Dict) return container.get(item) !== undefined
  if (container instanceof DictView && container.shows === 'keys')
    return container.dict.get(item) !== undefined
  for (const element of iterate(container, budget)) if (equal(element, item, budget)) return true
  return false
}

/** The elements of what can be iterated over. @throws TemplateFailure for anything else. */
export function iterate(value: Value, budget: Budget): Iterable<Value> {
  const text = textOf(value)
  if (text !== undefined) return counted(text, budget)
  if (isList(value)) return counted(value, budget)
  if (value instanceof Tuple) return counted(value.items, budget)
  if (value instanceof Dict) return counted(value.keys(), budget)
  if (value instanceof DictView) return counted(value, budget)
  if (value instanceof Range) return counted(rangeItems(value), budget)
  if (value instanceof Generator) return counted(rest(value.items), budget)
  if (value instanceof Undefined) return []
  throw new TemplateFailure(`'${typeName(value)}' object is not iterable`)
}

function* counted(items: Iterable<Value>, budget: Budget): Iterable<Value> {
  for (const item of items) {
    budget.step()
    yield item
  }
}

function* rangeItems(range: Range): Iterable<Value> {
  for (let index = 0; index < range.length; index++) yield range.at(index)
}

/** What an iterator has left. It stays open when the loop over it is left, as Python's do. */
function* rest(items: Iterator<Value>): Iterable<Value> {
  for (let next = items.next(); next.done !== true; next = items.next()) yield next.value
}

/** The number of elements, or undefined for what has none. */
export function sizeOf(value: Value, budget: Budget): number | undefined {
  const text = textOf(value)
  if (text !== undefined) {
    return countCharacters(text, budget)
  }
  if (isList(value) || value instanceof Range) return value.length
  if (value instanceof Tuple) return value.items.length
  if (value instanceof Dict) return value.size
  if (value instanceof DictView) return value.dict.size
  return value instanceof Undefined ? 0 : undefined
}
