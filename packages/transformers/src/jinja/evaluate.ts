import { getAttribute, getItem, getSlice } from './access.js'
import { binary, signed } from './arithmetic.js'
import type { Budget } from './budget.js'
import type { Runtime } from './builtins/builtin.js'
import { filterNamed } from './builtins/filters.js'
import { testNamed } from './builtins/tests.js'
import { compare, equal } from './comparison.js'
import { contains, iterate, scannedKey } from './containers.js'
import { TemplateFailure } from './failure.js'
import type { Scope } from './scope.js'
import type { Application, Arguments, Call, Comparison, Expression } from './syntax.js'
import { str } from './text/repr.js'
import {
  type CallArguments,
  Callable,
  Dict,
  Instance,
  isTrue,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Gives expressions their values. */
export interface Evaluator {
  readonly runtime: Runtime
  /** The line that is being rendered, for errors. */
  line: number
  /** `body` is what the subject of a filter on a block stands for. */
  evaluate(expression: Expression, scope: Scope, body?: Value): Value
  call(call: Call, scope: Scope, extra?: ReadonlyMap<string, Value>): Value
}

export function createEvaluator(budget: Budget): Evaluator {
  const runtime: Runtime = {
    budget,
    getItem: (value, key) => getItem(value, key, runtime),
    filter(name, subject, args) {
      budget.scan(textOf(subject)?.length ?? 0)
      const result = filterNamed(name)(runtime, subject, args)
      const text = textOf(result)
      if (text !== undefined && result !== subject) budget.text(text.length)
      return result
    },
    test(name, subject, args) {
      budget.scan(textOf(subject)?.length ?? 0)
      return testNamed(name)(runtime, subject, args)
    },
  }

  const evaluator: Evaluator = {
    runtime,
    line: 1,
    evaluate(expression, scope, body) {
      budget.step()
      switch (expression.kind) {
        case 'constant':
          return expression.value
        case 'name': {
          const value = scope.get(expression.name)
          return value === undefined ? new Undefined(`'${expression.name}' is undefined`) : value
        }
        case 'body':
          return body ?? ''
      }
      return budget.nested(() => compound(expression, scope, body))
    },
    call(call, scope, extra) {
      const callee = evaluator.evaluate(call.callee, scope)
      const args = evaluateArguments(call.args, scope)
      evaluator.line = call.line
      if (callee instanceof Undefined) callee.fail()
      const keywords = extra === undefined ? args.keywords : new Map([...args.keywords, ...extra])
      if (callee instanceof Callable || callee instanceof Instance) return callee.call({ ...args, keywords })
      throw new TemplateFailure(`'${typeName(callee)}' object is not callable`)
    },
  }

  function compound(expression: Expression, scope: Scope, body: Value | undefined): Value {
    const value = (part: Expression) => evaluator.evaluate(part, scope, body)
    const optional = (part: Expression | undefined) => (part === undefined ? null : value(part))
    switch (expression.kind) {
      case 'attribute':
        return at(expression, getAttribute(value(expression.object), expression.name, runtime))
      case 'item': {
        const object = value(expression.object)
        const index = value(expression.index)
        evaluator.line = expression.line
        return getItem(object, index, runtime)
      }
      case 'slice': {
        const object = value(expression.object)
        const bounds = [
          optional(expression.start),
          optional(expression.stop),
          optional(expression.step),
        ] as const
        evaluator.line = expression.line
        return getSlice(object, bounds, runtime)
      }
      case 'call':
        return evaluator.call(expression, scope)
      case 'filter':
        return apply(expression, scope, body)
      case 'test':
        return apply(expression, scope, body)
      case 'compare':
        return compareChain(value(expression.first), expression.rest, value)
      case 'and': {
        const left = value(expression.left)
        return isTrue(left) ? value(expression.right) : left
      }
      case 'or': {
        const left = value(expression.left)
        return isTrue(left) ? left : value(expression.right)
      }
      case 'not':
        return !isTrue(value(expression.operand))
      case 'conditional':
        if (isTrue(value(expression.test))) return value(expression.value)
        if (expression.otherwise !== undefined) return value(expression.otherwise)
        return new Undefined('the inline if-expression evaluated to false and no else section was defined.')
      case 'concatenate': {
        const parts = expression.parts.map((part) => str(value(part), budget))
        budget.text(parts.reduce((sum, part) => sum + part.length, 0))
        return parts.join('')
      }
      case 'binary': {
        const left = value(expression.left)
        const right = value(expression.right)
        evaluator.line = expression.line
        return binary(expression.operator, left, right, budget)
      }
      case 'negative':
        return signed('-', value(expression.operand))
      case 'positive':
        return signed('+', value(expression.operand))
      case 'list':
        return expression.items.map(value)
      case 'tuple':
        return new Tuple(expression.items.map(value))
      case 'dict':
        return new Dict(
          expression.pairs.map(([key, item]) => [scannedKey(value(key), budget), value(item)] as const),
        )
    }
    throw new Error(`unreachable: ${expression.kind}`)
  }

  function at<T>({ line }: { readonly line: number }, value: T): T {
    evaluator.line = line
    return value
  }

  function apply(
    { kind, name, subject, args, line }: Application,
    scope: Scope,
    body: Value | undefined,
  ): Value {
    const value = evaluator.evaluate(subject, scope, body)
    const evaluated = evaluateArguments(args, scope)
    evaluator.line = line
    return kind === 'filter' ? runtime.filter(name, value, evaluated) : runtime.test(name, value, evaluated)
  }

  function evaluateArguments(args: Arguments, scope: Scope): CallArguments {
    const positional = args.positional.map((argument) => evaluator.evaluate(argument, scope))
    if (args.list !== undefined) {
      for (const value of iterate(evaluator.evaluate(args.list, scope), budget)) positional.push(value)
    }
    const keywords = new Map<string, Value>()
    for (const [name, argument] of args.keywords) keywords.set(name, evaluator.evaluate(argument, scope))
    if (args.mapping !== undefined) {
      const mapping = evaluator.evaluate(args.mapping, scope)
      if (!(mapping instanceof Dict)) throw new TemplateFailure('an argument after ** must be a mapping')
      budget.step(mapping.size)
      for (const [name, value] of mapping.entries()) keywords.set(str(name, budget), value)
    }
    return { positional, keywords }
  }

  function compareChain(
    first: Value,
    rest: readonly (readonly [Comparison, Expression])[],
    value: (part: Expression) => Value,
  ): boolean {
    let left = first
    for (const [operator, operand] of rest) {
      const right = value(operand)
      if (!holds(operator, left, right)) return false
      left = right
    }
    return true
  }

  function holds(operator: Comparison, left: Value, right: Value): boolean {
    switch (operator) {
      case '==':
        return equal(left, right, budget)
      case '!=':
        return !equal(left, right, budget)
      case 'in':
        return contains(right, left, budget)
      case 'not in':
        return !contains(right, left, budget)
      case '<':
        return compare(left, right, budget, operator) < 0
      case '<=':
        return compare(left, right, budget, operator) <= 0
      case '>':
        return compare(left, right, budget, operator) > 0
      case '>=':
        return compare(left, right, budget, operator) >= 0
    }
  }

  return evaluator
}
