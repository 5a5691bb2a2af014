import type { Budget } from './budget.js'
import { TemplateFailure } from './failure.js'
import {
  Dict,
  isList,
  isNumber,
  type Numeric,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Python's `left == right`. */
export function equal(left: Value, right: Value, budget: Budget): boolean {
  budget.step()
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right) === 0
  const text = textOf(left)
  if (text !== undefined) return equalTexts(text, textOf(right), budget)
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

function equalTexts(left: string, right: string | undefined, budget: Budget): boolean {
  if (left.length !== right?.length) return false
  budget.scan(left.length)
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
