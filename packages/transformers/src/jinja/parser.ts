import { tokenize } from './lexer.js'
import { parseExpression, parseTuple } from './parse-expression.js'
import { parseFilter } from './parse-postfix.js'
import { parseTarget, parseTargetName } from './parse-target.js'
import type { Body, Expression, ExtraName, MacroBody, Signature, Statement, Target } from './syntax.js'
import { TokenStream } from './token-stream.js'

type TagParser = (stream: TokenStream, line: number) => Statement | undefined

/** @throws TemplateFailure of kind "syntax" */
export function parseTemplate(source: string): Body {
  return parseBody(new TokenStream(tokenize(source)), undefined)
}

/** Text and tags up to one of the tags `ends`, whose name is then the current token. */
function parseBody(stream: TokenStream, ends: readonly string[] | undefined): Statement[] {
  const body: Statement[] = []
  for (;;) {
    const { kind, value, line } = stream.current
    if (kind === 'data') {
      stream.next()
      body.push({ kind: 'text', line, text: value })
    } else if (kind === 'begin') {
      stream.next()
      if (value === '{{') {
        body.push({ kind: 'output', line, value: parseTuple(stream) })
      } else {
        if (ends !== undefined && stream.is('name', ...ends)) return body
        body.push(...parseTag(stream))
      }
      stream.expect('end')
    } else {
      if (ends !== undefined) stream.fail(`expected ${ends.map((end) => `"{% ${end} %}"`).join(' or ')}`)
      return body
    }
  }
}

function parseTag(stream: TokenStream): Statement[] {
  const { value, line } = stream.expect('name')
  if (value === 'print') return parsePrint(stream)
  const parse = Object.hasOwn(TAGS, value) ? TAGS[value] : undefined
  if (parse === undefined) stream.fail(`unknown tag "${value}"`, line)
  return [stream.nested(() => parse(stream, line))].flatMap((statement) => statement ?? [])
}

/** The body of a tag, without the name of the tag that ends it. */
function parseUntil(stream: TokenStream, ...ends: readonly string[]): Body {
  stream.skip('operator', ':')
  stream.expect('end')
  return parseBody(stream, ends)
}

function parseWhole(stream: TokenStream, end: string): Body {
  const body = parseUntil(stream, end)
  stream.next()
  return body
}

const EXTRA_NAMES: readonly ExtraName[] = ['caller', 'varargs', 'kwargs']

function parseMacroBody(stream: TokenStream, end: string): MacroBody {
  const before = EXTRA_NAMES.map((name) => stream.timesRead(name))
  const statements = parseWhole(stream, end)
  return {
    statements,
    reads: new Set(EXTRA_NAMES.filter((name, at) => stream.timesRead(name) > before[at]!)),
  }
}

const TAGS: { readonly [tag: string]: TagParser } = {
  if: parseIf,
  for: parseFor,
  set: parseSet,
  macro: (stream, line) => {
    const name = parseTargetName(stream)
    return {
      kind: 'macro',
      line,
      name,
      signature: parseSignature(stream),
      body: parseMacroBody(stream, 'endmacro'),
    }
  },
  call: parseCallBlock,
  filter: (stream, line) => {
    const filter = parseFilters(stream, parseFilter(stream, { kind: 'body', line }))
    return { kind: 'filter-block', line, filter, body: parseWhole(stream, 'endfilter') }
  },
  with: parseWith,
  generation: (stream, line) => ({ kind: 'scope', line, body: parseWhole(stream, 'endgeneration') }),
  autoescape: (stream, line) => {
    // No text of a chat is HTML: transformers renders without escaping, and no known template asks for it.
    const { kind, ...rest } = parseExpression(stream)
    if (kind !== 'constant' || !('value' in rest) || rest.value !== false) {
      stream.fail('"autoescape" is offered with "false" alone', line)
    }
    return { kind: 'scope', line, body: parseWhole(stream, 'endautoescape') }
  },
  block: (stream, line) => {
    const name = stream.expect('name').value
    const scoped = stream.skip('name', 'scoped')
    const body = parseWhole(stream, 'endblock')
    stream.skip('name', name)
    return { kind: 'block', line, scoped, body }
  },
  break: (_stream, line) => ({ kind: 'break', line }),
  continue: (_stream, line) => ({ kind: 'continue', line }),
  include: parseLoader('include'),
  import: parseLoader('import'),
  from: parseLoader('from'),
  extends: parseLoader('extends'),
}

function parseIf(stream: TokenStream, line: number): Statement {
  const branches: [Expression, Body][] = []
  for (;;) {
    const test = parseTuple(stream, false)
    branches.push([test, parseUntil(stream, 'elif', 'else', 'endif')])
    const { value } = stream.next()
    if (value === 'elif') continue
    return { kind: 'if', line, branches, otherwise: value === 'else' ? parseWhole(stream, 'endif') : [] }
  }
}

function parseFor(stream: TokenStream, line: number): Statement {
  const target = parseTarget(stream, ['in'], false)
  stream.expect('name', 'in')
  const items = parseTuple(stream, false, ['recursive'])
  const test = stream.skip('name', 'if') ? parseExpression(stream) : undefined
  const recursive = stream.skip('name', 'recursive')
  const body = parseUntil(stream, 'endfor', 'else')
  const otherwise = stream.next().value === 'else' ? parseWhole(stream, 'endfor') : []
  return { kind: 'for', line, target, items, test, recursive, body, otherwise }
}

function parseSet(stream: TokenStream, line: number): Statement {
  const target = parseTarget(stream, [], true)
  if (stream.skip('operator', '=')) return { kind: 'set', line, target, value: parseTuple(stream) }
  const filter = parseFilters(stream, { kind: 'body', line })
  return { kind: 'set-block', line, target, filter, body: parseWhole(stream, 'endset') }
}

function parseFilters(stream: TokenStream, subject: Expression): Expression {
  let result = subject
  while (stream.skip('operator', '|')) result = parseFilter(stream, result)
  return result
}

function parseSignature(stream: TokenStream): Signature {
  const names: string[] = []
  const defaults: Expression[] = []
  stream.expect('operator', '(')
  while (!stream.isOperator(')')) {
    names.push(parseTargetName(stream))
    if (stream.skip('operator', '=')) defaults.push(parseExpression(stream))
    else if (defaults.length > 0) stream.fail('a parameter without a default behind one that has a default')
    if (!stream.skip('operator', ',')) break
  }
  stream.expect('operator', ')')
  return { names, defaults }
}

function parseCallBlock(stream: TokenStream, line: number): Statement {
  const signature = stream.isOperator('(') ? parseSignature(stream) : { names: [], defaults: [] }
  const call = parseExpression(stream)
  if (call.kind !== 'call') stream.fail('expected the call of a macro', line)
  return { kind: 'call-block', line, signature, call, body: parseMacroBody(stream, 'endcall') }
}

function parseWith(stream: TokenStream, line: number): Statement {
  const values: [Target, Expression][] = []
  while (!stream.is('end')) {
    const target = parseTarget(stream, [], false)
    stream.expect('operator', '=')
    values.push([target, parseExpression(stream)])
    if (!stream.skip('operator', ',')) break
  }
  return { kind: 'with', line, values, body: parseWhole(stream, 'endwith') }
}

function parsePrint(stream: TokenStream): Statement[] {
  const outputs: Statement[] = []
  while (!stream.is('end')) {
    const { line } = stream.current
    outputs.push({ kind: 'output', line, value: parseExpression(stream) })
    if (!stream.skip('operator', ',')) break
  }
  return outputs
}

/** There are no other templates, so that what names them is read over and refused when it is reached. */
function parseLoader(tag: string): TagParser {
  return (stream, line) => {
    while (!stream.is('end') && !stream.is('eof')) stream.next()
    return { kind: 'loads-template', line, tag }
  }
}
