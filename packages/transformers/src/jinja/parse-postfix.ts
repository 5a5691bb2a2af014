import { parseExpression } from './parse-expression.js'
import { parsePrimary, readInt } from './parse-primary.js'
import type { Application, Arguments, Call, Expression } from './syntax.js'
import type { TokenStream } from './token-stream.js'

/** Attributes, elements and calls behind an expression. @throws TemplateFailure of kind "syntax" */
export function parsePostfix(stream: TokenStream, subject: Expression): Expression {
  let result = subject
  for (;;) {
    if (stream.isOperator('.')) result = parseAttribute(stream, result)
    else if (stream.isOperator('[')) result = parseSubscript(stream, result)
    else if (stream.isOperator('(')) result = parseCall(stream, result)
    else return result
  }
}

/** Filters, tests and calls behind them. @throws TemplateFailure of kind "syntax" */
export function parseApplications(stream: TokenStream, subject: Expression): Expression {
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

/** `name`, `name(…)`, behind a "|". @throws TemplateFailure of kind "syntax" */
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
