import type { Budget } from '../budget.js'
import { TemplateFailure } from '../failure.js'
import { type Bound, bind } from '../signature.js'
import { type CallArguments, isTrue, isWhole, textOf, typeName, Undefined, type Value } from '../values.js'

/** What filters, tests and methods may use of the rendering that they are part of. */
export interface Runtime {
  readonly budget: Budget
  /** `value[key]`, as the filters with `attribute` look things up. */
  getItem(value: Value, key: Value): Value
  filter(name: string, subject: Value, args: CallArguments): Value
  test(name: string, subject: Value, args: CallArguments): boolean
}

export type Builtin<Subject = Value, Result = Value> = (
  runtime: Runtime,
  subject: Subject,
  args: CallArguments,
) => Result

/** A builtin whose parameters have names, with those that may be left out ending in "?". */
export function define<Subject = Value, Result extends Value = Value>(
  parameters: string,
  run: (subject: Subject, args: Bound, runtime: Runtime) => Result,
): Builtin<Subject, Result> {
  return (runtime, subject, args) => run(subject, bind('it', parameters, args), runtime)
}

/** Looks a builtin up by a name that a template wrote. */
export function builtinNamed<T>(table: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** An argument that must be a text. */
export function textArgument(value: Value | undefined): string {
  const text = value === undefined ? undefined : textOf(value)
  if (text !== undefined) return text
  if (value instanceof Undefined) value.fail()
  throw new TemplateFailure(`expected a str, not ${typeName(value ?? null)}`)
}

/** An argument that must be an int, as a JavaScript number. */
export function wholeArgument(value: Value | undefined, usual: number): number {
  if (value === undefined) return usual
  if (isWhole(value)) return Number(value)
  if (value instanceof Undefined) value.fail()
  throw new TemplateFailure(`expected an int, not ${typeName(value)}`)
}

export function trueArgument(value: Value | undefined): boolean {
  return value !== undefined && isTrue(value)
}

/** None and an argument that was left out are the same to many functions of Python. */
export function given(value: Value | undefined): Value | undefined {
  return value === null ? undefined : value
}
