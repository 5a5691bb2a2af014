import { parseApplications, parsePostfix } from './parse-postfix.js'
import { parsePrimary } from './parse-primary.js'
import type { BinaryOperator, Comparison, Expression } from './syntax.js'
import type { TokenStream } from './token-stream.js'

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=']

/** @throws TemplateFailure of kind "syntax" */
export function parseExpression(stream: TokenStream): Expression {
  return stream.nested(() => parseConditional(stream))
}

/** An expression, or a tuple without parentheses. `withConditional`: whether `a if b` is taken in. */
export function parseTuple(
  stream: TokenStream,
  withConditional = true,
  ends: readonly string[] = [],
): Expression {
  const { line } = stream.current
  const items = parseItems(
    stream,
    () => isTupleEnd(stream, ends),
    withConditional ? parseExpression : parseOr,
  )
  if (items.expressions.length === 0) stream.fail(`expected an expression, found ${stream.found()}`)
  return items.isTuple ? { kind: 'tuple', line, items: items.expressions } : items.expressions[0]!
}

/** Where a tuple without parentheses ends: with the tag, a bracket, or one of the words `ends`. */
export function isTupleEnd(stream: TokenStream, ends: readonly string[]): boolean {
  return stream.is('end') || stream.isOperator(')') || (ends.length > 0 && stream.is('name', ...ends))
}

/** Expressions with commas between. */
export function parseItems(
  stream: TokenStream,
  isEnd: () => boolean,
  parse: (stream: TokenStream) => Expression,
): { readonly expressions: Expression[]; readonly isTuple: boolean } {
  const expressions: Expression[] = []
  let isTuple = false
  while (!isEnd()) {
    expressions.push(parse(stream))
    if (!stream.skip('operator', ',')) break
    isTuple = true
  }
  return { expressions, isTuple }
}

function parseConditional(stream: TokenStream): Expression {
  let { line } = stream.current
  let result = parseOr(stream)
  while (stream.skip('name', 'if')) {
    const test = parseOr(stream)
    const otherwise = stream.skip('name', 'else') ? stream.nested(() => parseConditional(stream)) : undefined
    result = { kind: 'conditional', line, test, value: result, otherwise }
    line = stream.current.line
  }
  return result
}

function parseOr(stream: TokenStream): Expression {
  let left = parseAnd(stream)
  while (stream.is('name', 'or')) {
    const { line } = stream.next()
    left = { kind: 'or', line, left, right: parseAnd(stream) }
  }
  return left
}

function parseAnd(stream: TokenStream): Expression {
  let left = parseNot(stream)
  while (stream.is('name', 'and')) {
    const { line } = stream.next()
    left = { kind: 'and', line, left, right: parseNot(stream) }
  }
  return left
}

function parseNot(stream: TokenStream): Expression {
  if (!stream.is('name', 'not')) return parseComparison(stream)
  const { line } = stream.next()
  return { kind: 'not', line, operand: stream.nested(() => parseNot(stream)) }
}

function parseComparison(stream: TokenStream): Expression {
  const { line } = stream.current
  const first = parseSum(stream)
  const rest: [Comparison, Expression][] = []
  for (;;) {
    if (stream.isOperator(...COMPARISONS)) {
      rest.push([stream.next().value as Comparison, parseSum(stream)])
    } else if (stream.skip('name', 'in')) {
      rest.push(['in', parseSum(stream)])
    } else if (
      stream.is('name', 'not') &&
      stream.following.kind === 'name' &&
      stream.following.value === 'in'
    ) {
      stream.next()
      stream.next()
      rest.push(['not in', parseSum(stream)])
    } else break
  }
  return rest.length === 0 ? first : { kind: 'compare', line, first, rest }
}

function parseSum(stream: TokenStream): Expression {
  return parseBinary(stream, ['+', '-'], parseConcatenation)
}

/** `~` binds tighter than `+`, unlike what one may expect. */
function parseConcatenation(stream: TokenStream): Expression {
  const { line } = stream.current
  const parts = [parseProduct(stream)]
  while (stream.skip('operator', '~')) parts.push(parseProduct(stream))
  return parts.length === 1 ? parts[0]! : { kind: 'concatenate', line, parts }
}

function parseProduct(stream: TokenStream): Expression {
  return parseBinary(stream, ['*', '/', '//', '%'], parsePower)
}

/** From left to right, unlike in Python. */
function parsePower(stream: TokenStream): Expression {
  return parseBinary(stream, ['**'], (inner) => parseUnary(inner, true))
}

function parseBinary(
  stream: TokenStream,
  operators: readonly BinaryOperator[],
  parse: (stream: TokenStream) => Expression,
): Expression {
  let left = parse(stream)
  while (stream.isOperator(...operators)) {
    const { value, line } = stream.next()
    left = { kind: 'binary', line, operator: value as BinaryOperator, left, right: parse(stream) }
  }
  return left
}

/** A sign binds tighter than a filter: `-1|abs` is `(-1)|abs`. */
function parseUnary(stream: TokenStream, withFilters: boolean): Expression {
  let result: Expression
  if (stream.isOperator('-', '+')) {
    const { value, line } = stream.next()
    const operand = stream.nested(() => parseUnary(stream, false))
    result = { kind: value === '-' ? 'negative' : 'positive', line, operand }
  } else result = parsePrimary(stream)
  result = parsePostfix(stream, result)
  return withFilters ? parseApplications(stream, result) : result
}
