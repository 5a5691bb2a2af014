import type { Budget } from './budget.js'
import { TemplateFailure } from './failure.js'
import type { BinaryOperator } from './syntax.js'
import { formatPercent } from './text/format.js'
import { escapeHtml } from './text/html.js'
import {
  isList,
  isNumber,
  isWhole,
  Markup,
  type Numeric,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Ints beyond are of no use to a chat, and their arithmetic takes long. */
const MAX_INT_BITS = 20_000
const LARGEST_INT = 1n << BigInt(MAX_INT_BITS)
/** Products of two bits, one of either factor, that are made in the time of a step. */
const BIT_PAIRS_PER_STEP = 2 ** 18

/** Python's `left operator right`. @throws TemplateFailure for types that do not go together. */
export function binary(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  if (isNumber(left) && isNumber(right)) return arithmetic(operator, left, right, budget)
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
  // A number beyond all limits, but one that gives 0 times nothing.
  const count = Math.min(Math.max(0, Number(times)), Number.MAX_SAFE_INTEGER)
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

function arithmetic(operator: BinaryOperator, left: Numeric, right: Numeric, budget: Budget): Value {
  if (typeof left !== 'number' && typeof right !== 'number') {
    return wholeArithmetic(operator, BigInt(left), BigInt(right), budget)
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

function wholeArithmetic(operator: BinaryOperator, a: bigint, b: bigint, budget: Budget): Value {
  switch (operator) {
    case '+':
      return checkSum(a + b)
    case '-':
      return checkSum(a - b)
  }
  budget.step((bits(a) * bits(b)) / BIT_PAIRS_PER_STEP)
  switch (operator) {
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

/** Sums grow by a bit at a time, so that looking at the result is soon enough. */
function checkSum(sum: bigint): bigint {
  if (sum > LARGEST_INT || sum < -LARGEST_INT) checkBits(bits(sum))
  return sum
}

function bits(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length
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
