import { TemplateFailure } from './failure.js'
import type { Expression, ExtraName, Signature } from './syntax.js'
import { type CallArguments, Dict, Tuple, Undefined, type Value } from './values.js'

type Run = (
  values: ReadonlyMap<string, Value>,
  defaults: readonly (readonly [name: string, value: Expression])[],
) => Value

/** Puts the arguments of a call in their places, and leaves the defaults of the others to `run`. */
export function bindMacro(
  name: string,
  { names, defaults }: Signature,
  reads: ReadonlySet<ExtraName>,
  run: Run,
): (args: CallArguments) => Value {
  return ({ positional, keywords }) => {
    const values = new Map<string, Value>()
    const missing: [string, Expression][] = []
    const rest = new Map(keywords)
    names.forEach((parameter, index) => {
      const value = positional[index] ?? (index < positional.length ? null : rest.get(parameter))
      if (index >= positional.length) rest.delete(parameter)
      const usual = defaults[index - (names.length - defaults.length)]
      if (value !== undefined) values.set(parameter, value)
      else if (usual !== undefined) missing.push([parameter, usual])
      else values.set(parameter, new Undefined(`parameter '${parameter}' was not provided`))
    })
    if (reads.has('caller') && !names.includes('caller')) {
      values.set('caller', rest.get('caller') ?? new Undefined('No caller defined'))
      rest.delete('caller')
    }
    const [unknown] = rest.keys()
    if (reads.has('kwargs')) values.set('kwargs', new Dict(rest))
    else if (unknown !== undefined) {
      throw new TemplateFailure(`macro '${name}' takes no keyword argument '${unknown}'`)
    }
    if (reads.has('varargs')) values.set('varargs', new Tuple(positional.slice(names.length)))
    else if (positional.length > names.length) {
      throw new TemplateFailure(`macro '${name}' takes not more than ${names.length} argument(s)`)
    }
    return run(values, missing)
  }
}
