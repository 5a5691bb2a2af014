import type {
  Application,
  Arguments,
  BinaryOperator,
  Call,
  Comparison,
  Expression,
  Target,
} from './syntax.js'
import type { TokenStream } from './token-stream.js'

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=']
/** As in Python. */
const MAX_DIGITS = 4300
const CONSTANTS: { readonly [name: string]: null | boolean } = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
}

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

function isTupleEnd(stream: TokenStream, ends: readonly string[]): boolean {
  return stream.is('end') || stream.isOperator(')') || (ends.length > 0 && stream.is('name', ...ends))
}

function parseItems(
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

function parsePrimary(stream: TokenStream): Expression {
  const { kind, value, line } = stream.current
  switch (kind) {
    case 'name':
      stream.next()
      if (Object.hasOwn(CONSTANTS, value)) return { kind: 'constant', line, value: CONSTANTS[value]! }
      stream.noteRead(value)
      return { kind: 'name', line, name: value }
    case 'string': {
      let text = ''
      while (stream.is('string')) text += stream.next().value
      return { kind: 'constant', line, value: text }
    }
    case 'int':
      stream.next()
      return { kind: 'constant', line, value: readInt(value, stream) }
    case 'float':
      stream.next()
      return { kind: 'constant', line, value: Number(value.replaceAll('_', '')) }
    case 'operator':
      if (value === '(') return parseParentheses(stream)
      if (value === '[') return parseList(stream)
      if (value === '{') return parseDict(stream)
  }
  return stream.fail(`unexpected ${stream.found()}`)
}

function readInt(written: string, stream: TokenStream): bigint {
  if (written.length > MAX_DIGITS) stream.fail(`an int of more than ${MAX_DIGITS} digits`)
  return BigInt(written.replaceAll('_', '').toLowerCase())
}

function parseParentheses(stream: TokenStream): Expression {
  const { line } = stream.expect('operator', '(')
  const { expressions, isTuple } = parseItems(stream, () => isTupleEnd(stream, []), parseExpression)
  stream.expect('operator', ')')
  return expressions.length === 1 && !isTuple ? expressions[0]! : { kind: 'tuple', line, items: expressions }
}

function parseList(stream: TokenStream): Expression {
  const { line } = stream.expect('operator', '[')
  const { expressions } = parseItems(stream, () => stream.isOperator(']'), parseExpression)
  stream.expect('operator', ']')
  return { kind: 'list', line, items: expressions }
}

function parseDict(stream: TokenStream): Expression {
  const { line } = stream.expect('operator', '{')
  const pairs: [Expression, Expression][] = []
  while (!stream.isOperator('}')) {
    const key = parseExpression(stream)
    stream.expect('operator', ':')
    pairs.push([key, parseExpression(stream)])
    if (!stream.skip('operator', ',')) break
  }
  stream.expect('operator', '}')
  return { kind: 'dict', line, pairs }
}

function parsePostfix(stream: TokenStream, subject: Expression): Expression {
  let result = subject
  for (;;) {
    if (stream.isOperator('.')) result = parseAttribute(stream, result)
    else if (stream.isOperator('[')) result = parseSubscript(stream, result)
    else if (stream.isOperator('(')) result = parseCall(stream, result)
    else return result
  }
}

/** Filters, tests and calls behind them. */
function parseApplications(stream: TokenStream, subject: Expression): Expression {
  let result = subject
  for (;;) {
    if (stream.isOperator('|')) {
      stream.next()
      result = parseFilter(stream, result)
    } else if (stream.is('name', 'is')) result = parseTest(stream, result)
    else if (stream.isOperator('(')) result = parseCall(stream, result)
    else return result
  }
}

function parseAttribute(stream: TokenStream, object: Expression): Expression {
  const { line } = stream.expect('operator', '.')
  const { kind, value } = stream.next()
  if (kind === 'name') return { kind: 'attribute', line, object, name: value }
  if (kind !== 'int')
    stream.fail(`expected a name or a number behind ".", found ${JSON.stringify(value)}`, line)
  return { kind: 'item', line, object, index: { kind: 'constant', line, value: readInt(value, stream) } }
}

function parseSubscript(stream: TokenStream, object: Expression): Expression {
  const { line } = stream.expect('operator', '[')
  let start: Expression | undefined
  if (!stream.isOperator(':')) {
    start = parseTupleOf(stream, parseExpression(stream))
    if (stream.skip('operator', ']')) return { kind: 'item', line, object, index: start }
  }
  stream.expect('operator', ':')
  const stop = stream.isOperator(']', ':') ? undefined : parseExpression(stream)
  const step = stream.skip('operator', ':') && !stream.isOperator(']') ? parseExpression(stream) : undefined
  stream.expect('operator', ']')
  return { kind: 'slice', line, object, start, stop, step }
}

function parseTupleOf(stream: TokenStream, first: Expression): Expression {
  if (!stream.isOperator(',')) return first
  const items = [first]
  while (stream.skip('operator', ',') && !stream.isOperator(']')) items.push(parseExpression(stream))
  return { kind: 'tuple', line: first.line, items }
}

/** @throws TemplateFailure of kind "syntax" */
function parseCall(stream: TokenStream, callee: Expression): Call {
  const { line } = stream.current
  return { kind: 'call', line, callee, args: parseArguments(stream) }
}

function parseArguments(stream: TokenStream): Arguments {
  stream.expect('operator', '(')
  const positional: Expression[] = []
  const keywords: [string, Expression][] = []
  let list: Expression | undefined
  let mapping: Expression | undefined
  while (!stream.isOperator(')')) {
    if (stream.isOperator('*') && !list && !mapping) {
      stream.next()
      list = parseExpression(stream)
    } else if (stream.isOperator('**') && !mapping) {
      stream.next()
      mapping = parseExpression(stream)
    } else if (stream.is('name') && stream.following.kind === 'operator' && stream.following.value === '=') {
      const name = stream.next().value
      stream.next()
      keywords.push([name, parseExpression(stream)])
    } else {
      if (keywords.length > 0 || list || mapping) stream.fail('a plain argument behind a named one')
      positional.push(parseExpression(stream))
    }
    if (!stream.skip('operator', ',')) break
  }
  stream.expect('operator', ')')
  return { positional, keywords, list, mapping }
}

const NO_ARGUMENTS: Arguments = { positional: [], keywords: [] }

/** `name`, `name(…)`, behind a "|". */
export function parseFilter(stream: TokenStream, subject: Expression): Application {
  const { line } = stream.current
  const name = parseDottedName(stream)
  const args = stream.isOperator('(') ? parseArguments(stream) : NO_ARGUMENTS
  return { kind: 'filter', line, name, subject, args }
}

function parseTest(stream: TokenStream, subject: Expression): Expression {
  const { line } = stream.expect('name', 'is')
  const negated = stream.skip('name', 'not')
  const name = parseDottedName(stream)
  const test: Application = { kind: 'test', line, name, subject, args: parseTestArguments(stream) }
  return negated ? { kind: 'not', line, operand: test } : test
}

/** Behind the name of a test, one argument needs no parentheses: `x is divisibleby 3`. */
function parseTestArguments(stream: TokenStream): Arguments {
  if (stream.isOperator('(')) return parseArguments(stream)
  const begins = stream.is('name') || stream.is('string') || stream.is('int') || stream.is('float')
  if (stream.is('name', 'else', 'or', 'and') || !(begins || stream.isOperator('[', '{'))) return NO_ARGUMENTS
  if (stream.is('name', 'is')) stream.fail('a test behind a test')
  return { positional: [parsePostfix(stream, parsePrimary(stream))], keywords: [] }
}

function parseDottedName(stream: TokenStream): string {
  let name = stream.expect('name').value
  while (stream.skip('operator', '.')) name += `.${stream.expect('name').value}`
  return name
}

const RESERVED = ['true', 'false', 'none', 'True', 'False', 'None']

export function parseTargetName(stream: TokenStream): string {
  const { value } = stream.expect('name')
  if (RESERVED.includes(value)) stream.fail(`"${value}" cannot be assigned to`)
  return value
}

/** `a`, `a, b`, `(a, b)`, and with `withNamespace` also `a.b`. */
export function parseTarget(stream: TokenStream, ends: readonly string[], withNamespace: boolean): Target {
  const { line } = stream.current
  const targets: Target[] = []
  let isTuple = false
  while (!isTupleEnd(stream, ends) && !stream.isOperator('=')) {
    targets.push(parseOneTarget(stream, withNamespace))
    if (!stream.skip('operator', ',')) break
    isTuple = true
  }
  if (targets.length === 0) stream.fail(`expected a name, found ${stream.found()}`)
  return isTuple ? { kind: 'targets', line, targets } : targets[0]!
}

function parseOneTarget(stream: TokenStream, withNamespace: boolean): Target {
  const { line } = stream.current
  if (stream.skip('operator', '(')) {
    const target = stream.nested(() => parseTarget(stream, [], withNamespace))
    stream.expect('operator', ')')
    return target
  }
  const name = parseTargetName(stream)
  if (!withNamespace || !stream.skip('operator', '.')) return { kind: 'name', line, name }
  return { kind: 'namespace', line, name, attribute: stream.expect('name').value }
}
