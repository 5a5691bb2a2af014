import { quote } from '@hfquant/core/runtime'
import { ToolsError } from './errors.js'

/** A function that a model may ask for, in the form of OpenAI's API. */
export interface Tool {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description?: string | undefined
    /** JSON schema of an object; default: one without properties. */
    readonly parameters?: unknown
    /** Arguments always satisfy `parameters`. Default false. */
    readonly strict?: boolean | null | undefined
  }
}

/** `auto`: the model decides; `required`: at least one call; an object: a call of that function. */
export type ToolChoice =
  | 'none'
  | 'auto'
  | 'required'
  | { readonly type: 'function'; readonly function: { readonly name: string } }

const MAX_TOOLS = 128
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Throws ToolsError TOOLS_INVALID, whose `field` is such as `tools[1].function.name`. */
export function checkTools(tools: unknown): asserts tools is readonly Tool[] {
  if (!Array.isArray(tools)) throw invalid('tools', tools, 'a list')
  if (tools.length > MAX_TOOLS) throw invalid('tools', tools.length, `at most ${MAX_TOOLS} entries`)
  const names = new Set<string>()
  tools.forEach((tool: { type?: unknown; function?: Partial<Tool['function']> } | undefined, index) => {
    const field = `tools[${index}]`
    if (tool?.type !== 'function') throw invalid(`${field}.type`, tool?.type, '"function"')
    const { name, description, parameters, strict } = tool.function ?? {}
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw invalid(`${field}.function.name`, name, '1 to 64 letters, digits, - and _')
    }
    if (names.has(name)) throw invalid(`${field}.function.name`, name, 'a name that no other function has')
    names.add(name)
    if (description !== undefined && typeof description !== 'string') {
      throw invalid(`${field}.function.description`, description, 'a text')
    }
    if (parameters !== undefined && (typeof parameters !== 'object' || parameters === null)) {
      throw invalid(`${field}.function.parameters`, parameters, 'a JSON schema')
    }
    if (typeof (strict ?? false) !== 'boolean')
      throw invalid(`${field}.function.strict`, strict, 'true or false')
  })
}

/** Throws ToolsError TOOLS_INVALID for a choice that is none, or that names a function that there is not. */
export function checkToolChoice(choice: unknown, tools: readonly Tool[]): asserts choice is ToolChoice {
  if (choice === 'none' || choice === 'auto') return
  if (choice === 'required') {
    if (tools.length > 0) return
    throw invalid('toolChoice', choice, '"none" or "auto" without tools')
  }
  const { type, function: named } = (choice ?? {}) as { type?: unknown; function?: { name?: unknown } }
  if (type !== 'function') {
    throw invalid(
      'toolChoice',
      choice,
      '"none", "auto", "required" or { type: "function", function: { name } }',
    )
  }
  if (tools.some((tool) => tool.function.name === named?.name)) return
  throw invalid(
    'toolChoice.function.name',
    named?.name,
    `one of ${tools.map((tool) => tool.function.name).join(', ')}`,
  )
}

function invalid(field: string, found: unknown, expected: string): ToolsError {
  const what = typeof found === 'object' && found !== null ? 'something else' : quote(found)
  return new ToolsError('TOOLS_INVALID', `${field} is ${what}, expected ${expected}`, {
    field,
    found,
    expected,
    hint: 'Pass for example [{ type: "function", function: { name: "add", parameters: { … } } }].',
  })
}
