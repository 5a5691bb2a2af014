import { Budget } from './budget.js'
import { fromJavaScript } from './convert.js'
import { TemplateFailure } from './failure.js'
import { createGlobals } from './globals.js'
import { parseTemplate } from './parser.js'
import { renderBody } from './render.js'
import { Scope } from './scope.js'
import type { Value } from './values.js'

/** Templates are some kilobytes; what is far larger was not written by hand. */
const MAX_SOURCE = 1024 * 1024

interface RenderInput {
  readonly variables: { readonly [name: string]: unknown }
  /** What `strftime_now` calls now, in local time. */
  readonly now: Date
}

/** What stopped a rendering, and the objects of the variables that were in use there, innermost first. */
interface RenderFailure {
  readonly failure: TemplateFailure
  readonly inUse: readonly object[]
}

type RenderResult = { readonly text: string } | RenderFailure

/**
 * Parses a Jinja template once; the result renders it as the Python transformers do: `trim_blocks`, `lstrip_blocks`,
 * `break` and `continue`, `tojson` without escapes for HTML, values with Python's arithmetic and texts. A rendering
 * ends within fixed limits of steps and memory, whatever the template says.
 *
 * @throws TemplateFailure of kind "syntax"
 */
export function compileTemplate(source: string): (input: RenderInput) => RenderResult {
  if (source.length > MAX_SOURCE) {
    throw new TemplateFailure(`it has ${source.length} characters, the limit is ${MAX_SOURCE}`, 'syntax', 1)
  }
  const body = parseTemplate(source)
  return ({ variables, now }) => {
    const budget = new Budget()
    const converted = new Map<object, Value>()
    let inUse: object[] = []
    try {
      const scope = new Scope()
      for (const [name, value] of createGlobals(now, budget)) scope.set(name, value)
      for (const [name, value] of Object.entries(variables)) {
        if (value !== undefined) scope.set(name, fromJavaScript(value, converted))
      }
      const observe = (innermost: Scope) => {
        const originals = new Map([...converted].map(([original, value]) => [value, original]))
        inUse = [...innermost.values()].flatMap((value) => {
          const original = originals.get(value)
          return original === undefined ? [] : [original]
        })
      }
      return { text: renderBody(body, scope, budget, observe) }
    } catch (error) {
      return { failure: failureOf(error), inUse }
    }
  }
}

/** The stack of JavaScript and the length of its texts are limits, too. */
function failureOf(error: unknown): TemplateFailure {
  if (error instanceof TemplateFailure) return error
  if (error instanceof RangeError || error instanceof URIError) return new TemplateFailure(error.message)
  throw error
}
