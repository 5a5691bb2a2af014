import type { GrammarSource } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import { type Fields, object, optional, required, text, truth, wrongValue } from '../http/read-body.js'

/** Characters of a schema as JSON. */
const MOST_SCHEMA = 64 * 1024
const MOST_PATTERN = 4096
const NAME = /^[A-Za-z0-9_-]{1,64}$/
const FIELD = 'response_format'

/**
 * What the answer has to be; undefined for any text. Whether it can be enforced is found out when it is compiled.
 *
 * @throws ApiError naming the field.
 */
export function readResponseFormat(body: Fields): GrammarSource | undefined {
  const format = optional(body, FIELD, object)
  if (format === undefined) return undefined
  const type = required(format, 'type', text({ most: 64 }), 'the kind of the format', FIELD)
  switch (type) {
    case 'text':
      return undefined
    case 'json_object':
      return { type }
    case 'json_schema':
      return { type, schema: readNamedSchema(format) }
    case 'regex':
      return {
        type,
        pattern: required(format, 'pattern', text({ most: MOST_PATTERN }), 'a regular expression', FIELD),
      }
    default:
      throw new ApiError(
        'unsupported_value',
        `${FIELD}.type is not offered; use "text", "json_object", "json_schema" or "regex"`,
        { param: `${FIELD}.type` },
      )
  }
}

function readNamedSchema(format: Fields): unknown {
  const path = `${FIELD}.json_schema`
  const fields = required(format, 'json_schema', object, 'a name and a schema', FIELD)
  const name = required(fields, 'name', text(), 'the name of the schema', path)
  if (!NAME.test(name)) {
    throw wrongValue(`${name.length} characters long`, `${path}.name`, '1 to 64 letters, digits, - and _')
  }
  // A schema is enforced whether it is strict or not.
  optional(fields, 'strict', truth, path)
  return readSchema(fields, 'schema', path)
}

/** A schema that an answer as a whole satisfies. */
export function readSchema(fields: Fields, name: string, path = ''): unknown {
  const schema = required(fields, name, object, 'a JSON schema', path)
  const { length } = JSON.stringify(schema)
  if (length <= MOST_SCHEMA) return schema
  throw wrongValue(
    `${length} characters long`,
    path === '' ? name : `${path}.${name}`,
    `a schema of ${MOST_SCHEMA} characters at most`,
  )
}
