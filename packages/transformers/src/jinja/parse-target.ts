import { isTupleEnd } from './parse-expression.js'
import { isConstant } from './parse-primary.js'
import type { Target } from './syntax.js'
import type { TokenStream } from './token-stream.js'

/** A name that may be assigned to. @throws TemplateFailure of kind "syntax" */
export function parseTargetName(stream: TokenStream): string {
  const { value } = stream.expect('name')
  if (isConstant(value)) stream.fail(`"${value}" cannot be assigned to`)
  return value
}

/** `a`, `a, b`, `(a, b)`, and with `withNamespace` also `a.b`. @throws TemplateFailure of kind "syntax" */
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
