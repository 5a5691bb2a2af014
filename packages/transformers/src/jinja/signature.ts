import { TemplateFailure } from './failure.js'
import type { CallArguments, Value } from './values.js'

/** Arguments in the order of the parameters; undefined for those that were left out. */
export type Bound = readonly (Value | undefined)[]

/**
 * Puts the arguments of a call in the order of the parameters, as Python does.
 *
 * @param parameters names with spaces between; those that may be left out end in "?"
 * @throws TemplateFailure for too many, missing, doubled and unknown arguments.
 */
export function bind(name: string, parameters: string, { positional, keywords }: CallArguments): Bound {
  const declared = parameters === '' ? [] : parameters.split(' ')
  if (positional.length > declared.length) {
    throw new TemplateFailure(`${name}() takes ${declared.length} arguments, ${positional.length} were given`)
  }
  const bound: (Value | undefined)[] = [...positional]
  const names = declared.map((parameter) => parameter.replace('?', ''))
  for (const [keyword, value] of keywords) {
    const index = names.indexOf(keyword)
    if (index < 0) throw new TemplateFailure(`${name}() got an unexpected keyword argument '${keyword}'`)
    if (bound[index] !== undefined) {
      throw new TemplateFailure(`${name}() got multiple values for argument '${keyword}'`)
    }
    bound[index] = value
  }
  const missing = declared.find((parameter, index) => !parameter.endsWith('?') && bound[index] === undefined)
  if (missing !== undefined) throw new TemplateFailure(`${name}() misses the argument '${missing}'`)
  return bound
}
