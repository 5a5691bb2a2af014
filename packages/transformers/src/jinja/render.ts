import type { Budget } from './budget.js'
import { iterate } from './containers.js'
import { createEvaluator } from './evaluate.js'
import { TemplateFailure } from './failure.js'
import { Loop } from './loop.js'
import { bindMacro } from './macro.js'
import { Scope } from './scope.js'
import type { Body, Call, For, MacroBody, MacroDefinition, Signature, Statement, Target } from './syntax.js'
import { str } from './text/repr.js'
import { Callable, Generator, isTrue, Namespace, Tuple, Undefined, type Value } from './values.js'

/** How a body was left: at its end, or by a tag for the loop around it. */
type Exit = 'break' | 'continue' | undefined

/** Where a failure happened: what the variables held there, innermost first. */
export type FailureObserver = (scope: Scope) => void

/**
 * Writes the text of a template.
 *
 * @param onFailure is told the innermost scope in which something failed, before the failure is thrown
 * @throws TemplateFailure with the line
 */
export function renderBody(body: Body, globals: Scope, budget: Budget, onFailure: FailureObserver): string {
  const evaluator = createEvaluator(budget)
  const { evaluate } = evaluator
  let output: string[] = []
  let failed = false

  function write(text: string): void {
    budget.text(text.length)
    output.push(text)
  }

  /** What `render` writes, as a text of its own. */
  function capture(render: () => void): string {
    const outer = output
    output = []
    try {
      render()
      return output.join('')
    } finally {
      output = outer
    }
  }

  function renderAll(statements: Body, scope: Scope): Exit {
    try {
      return budget.nested(() => {
        for (const statement of statements) {
          budget.step()
          evaluator.line = statement.line
          const exit = render(statement, scope)
          if (exit !== undefined) return exit
        }
        return undefined
      })
    } catch (error) {
      if (!failed) onFailure(scope)
      failed = true
      if (error instanceof TemplateFailure) error.line ??= evaluator.line
      throw error
    }
  }

  function render(statement: Statement, scope: Scope): Exit {
    switch (statement.kind) {
      case 'text':
        write(statement.text)
        return undefined
      case 'output':
        write(str(evaluate(statement.value, scope), budget))
        return undefined
      case 'if': {
        const branch = statement.branches.find(([test]) => isTrue(evaluate(test, scope)))
        return renderAll(branch?.[1] ?? statement.otherwise, scope)
      }
      case 'for':
        renderLoop(statement, evaluate(statement.items, scope), scope, 1)
        return undefined
      case 'set':
        assign(statement.target, evaluate(statement.value, scope), scope)
        return undefined
      case 'set-block': {
        const text = capture(() => renderAll(statement.body, new Scope(scope)))
        assign(statement.target, evaluate(statement.filter, scope, text), scope)
        return undefined
      }
      case 'macro':
        scope.set(statement.name, createMacro(statement, scope))
        return undefined
      case 'call-block':
        renderCall(statement.signature, statement.call, statement.body, scope)
        return undefined
      case 'filter-block': {
        const text = capture(() => renderAll(statement.body, new Scope(scope)))
        write(str(evaluate(statement.filter, scope, text), budget))
        return undefined
      }
      case 'with': {
        const inner = new Scope(scope)
        for (const [target, value] of statement.values) assign(target, evaluate(value, scope), inner)
        return renderAll(statement.body, inner)
      }
      case 'scope':
        return renderAll(statement.body, new Scope(scope))
      case 'block':
        return renderAll(statement.body, new Scope(statement.scoped ? scope : globals))
      case 'break':
      case 'continue':
        return statement.kind
      case 'loads-template':
        throw new TemplateFailure(`"${statement.tag}" needs another template, and there is none`)
    }
  }

  function renderLoop(statement: For, items: Value, scope: Scope, depth: number): void {
    const recurse = statement.recursive
      ? (inner: Value) => capture(() => budget.nested(() => renderLoop(statement, inner, scope, depth + 1)))
      : undefined
    const { test } = statement
    const loop = new Loop(test === undefined ? items : new Generator(filtered()), depth, recurse, budget)

    function* filtered(): Iterator<Value> {
      for (const item of iterate(items, budget)) {
        const inner = new Scope(scope)
        assign(statement.target, item, inner)
        if (isTrue(evaluate(test!, inner))) yield item
      }
    }

    let turns = 0
    for (let item = loop.advance(); item !== undefined; item = loop.advance()) {
      turns++
      const inner = new Scope(scope)
      inner.set('loop', loop)
      assign(statement.target, item, inner)
      if (renderAll(statement.body, inner) === 'break') break
    }
    if (turns === 0) renderAll(statement.otherwise, new Scope(scope))
  }

  function assign(target: Target, value: Value, scope: Scope): void {
    switch (target.kind) {
      case 'name':
        scope.set(target.name, value)
        return
      case 'namespace': {
        const owner = scope.get(target.name) ?? new Undefined(`'${target.name}' is undefined`)
        if (!(owner instanceof Namespace)) {
          throw new TemplateFailure('cannot assign attribute on non-namespace object')
        }
        owner.attributes.set(target.attribute, value)
        return
      }
      case 'targets': {
        const values = value instanceof Tuple ? value.items : [...iterate(value, budget)]
        if (values.length !== target.targets.length) {
          throw new TemplateFailure(
            `expected ${target.targets.length} values to unpack, found ${values.length}`,
          )
        }
        target.targets.forEach((inner, index) => {
          assign(inner, values[index]!, scope)
        })
      }
    }
  }

  function createMacro(
    { name, signature, body: inside }: Omit<MacroDefinition, 'kind' | 'line'>,
    scope: Scope,
  ): Callable {
    const { statements, reads } = inside
    const call = bindMacro(name, signature, reads, (values, defaults) => {
      const inner = new Scope(scope)
      for (const [parameter, value] of values) inner.set(parameter, value)
      for (const [parameter, expression] of defaults) inner.set(parameter, evaluate(expression, inner))
      return capture(() => budget.nested(() => renderAll(statements, inner)))
    })
    return new Callable(
      name,
      call,
      new Map<string, Value>([
        ['name', name],
        ['arguments', new Tuple(signature.names)],
        ['caller', reads.has('caller')],
        ['catch_kwargs', reads.has('kwargs')],
        ['catch_varargs', reads.has('varargs')],
      ]),
    )
  }

  function renderCall(signature: Signature, call: Call, inside: MacroBody, scope: Scope): void {
    const caller = createMacro({ name: 'caller', signature, body: inside }, scope)
    write(str(evaluator.call(call, scope, new Map([['caller', caller]])), budget))
  }

  renderAll(body, globals)
  return output.join('')
}
