import { isTupleEnd, parseExpression, parseItems } from './parse-expression.js'
import type { Expression } from './syntax.js'
import type { TokenStream } from './token-stream.js'

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

/** Whether a name stands for a constant, and so cannot be assigned to. */
export const isConstant = (name: string): boolean => Object.hasOwn(CONSTANTS, name)

/** A constant, a name, or what stands in brackets. @throws TemplateFailure of kind "syntax" */
export function parsePrimary(stream: TokenStream): Expression {
  const { kind, value, line } = stream.current
  switch (kind) {
    case 'name':
      stream.next()
      if (isConstant(value)) return { kind: 'constant', line, value: CONSTANTS[value]! }
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

/** @throws TemplateFailure of kind "syntax" for an int of more digits than Python reads. */
export function readInt(written: string, stream: TokenStream): bigint {
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
