import { checkToolChoice, checkTools, type ToolUse } from 'hfquant'
import { type Fields, listOf, object, optional, type Read, truth, wrongValue } from '../http/read-body.js'

/** Characters of all schemas as JSON. */
const MOST_SCHEMAS = 256 * 1024

/**
 * Undefined where no function may be called: then the template is not shown any, either.
 *
 * @throws ApiError or ToolsError, naming the field.
 */
export function readTools(body: Fields): ToolUse | undefined {
  return toolUse(
    readToolList(body),
    body.tool_choice ?? undefined,
    optional(body, 'parallel_tool_calls', truth) ?? true,
  )
}

/** The functions of a request, in OpenAI's form. */
export const readToolList = (body: Fields): readonly Fields[] =>
  optional(body, 'tools', listOf(readTool, { most: 128 })) ?? []

/** Members of null are absent. */
const readTool: Read<Fields> = (value, path) => {
  const fields = object(value, path)
  const described = optional(fields, 'function', object, path)
  if (described === undefined) return fields
  const given = Object.entries(described).filter(([, member]) => member !== null)
  return { ...fields, function: Object.fromEntries(given) }
}

/** @param choice undefined: `auto`. */
export function toolUse(
  tools: readonly unknown[],
  choice: unknown = 'auto',
  parallel = true,
): ToolUse | undefined {
  checkTools(tools)
  checkToolChoice(choice, tools)
  const { length } = JSON.stringify(tools.map((tool) => tool.function.parameters ?? null))
  if (length > MOST_SCHEMAS) {
    throw wrongValue(
      `a list with schemas of ${length} characters`,
      'tools',
      `${MOST_SCHEMAS} characters at most`,
    )
  }
  return tools.length === 0 || choice === 'none' ? undefined : { tools, choice, parallel }
}
