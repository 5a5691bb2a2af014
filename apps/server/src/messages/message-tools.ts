import type { GrammarSource, ToolUse } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import {
  type Fields,
  listOf,
  object,
  oneOf,
  optional,
  type Read,
  required,
  text,
  truth,
} from '../http/read-body.js'
import { readSchema } from '../openai/response-format.js'
import { toolUse } from '../openai/tool-fields.js'

/**
 * The functions that an answer may call; undefined for none.
 *
 * @throws ApiError or ToolsError, naming the field.
 */
export function readMessageTools(body: Fields): ToolUse | undefined {
  const tools = optional(body, 'tools', listOf(readTool, { most: 128 })) ?? []
  const choice = optional(body, 'tool_choice', object)
  if (choice === undefined) return toolUse(tools)
  const path = 'tool_choice'
  const type = required(choice, 'type', oneOf(['auto', 'any', 'tool', 'none']), 'the kind of choice', path)
  const isAlone = optional(choice, 'disable_parallel_tool_use', truth, path) ?? false
  const named = () => ({
    type: 'function',
    function: { name: required(choice, 'name', text(), 'the name of the tool', path) },
  })
  const choices = { auto: () => 'auto', none: () => 'none', any: () => 'required', tool: named }
  return toolUse(tools, choices[type](), !isAlone)
}

/** Tools that the server itself would have to run have a type of their own. */
const readTool: Read<object> = (value, path) => {
  const fields = object(value, path)
  const type = optional(fields, 'type', text(), path) ?? 'custom'
  if (type !== 'custom') {
    throw new ApiError('unsupported_value', `${path} is a tool of a server; describe it by input_schema`, {
      param: `${path}.type`,
    })
  }
  const description = optional(fields, 'description', text(), path)
  const strict = optional(fields, 'strict', truth, path)
  return {
    type: 'function',
    function: {
      name: required(fields, 'name', text(), 'the name of the tool', path),
      ...(description !== undefined && { description }),
      parameters: required(fields, 'input_schema', object, 'a JSON schema', path),
      ...(strict !== undefined && { strict }),
    },
  }
}

/** What the answer has to be: `output_config.format`. */
export function readOutputFormat(body: Fields): GrammarSource | undefined {
  const path = 'output_config'
  const config = optional(body, path, object) ?? {}
  const other = Object.keys(config).find((name) => name !== 'format' && config[name] !== null)
  if (other !== undefined) {
    throw new ApiError('unsupported_field', `${path} has more than a format; leave that out`, { param: path })
  }
  const format = optional(config, 'format', object, path)
  if (format === undefined) return undefined
  const where = `${path}.format`
  const type = required(format, 'type', oneOf(['json_schema']), 'the kind of the format', where)
  return { type, schema: readSchema(format, 'schema', where) }
}
