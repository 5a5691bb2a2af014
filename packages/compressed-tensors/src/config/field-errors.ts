import { ConfigError } from '@hfquant/core'

/** A value that its field does not have. */
export const wrongValue = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${JSON.stringify(found)}, expected ${expected}`, {
    ...{ field, found, expected },
    hint: 'Take config.json from the revision of the weights.',
  })

/** What is read inside a field: errors name the whole way to the one that is wrong. */
export function within<Value>(path: string, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!ConfigError.isInstance(error)) throw error
    const { code, message, field, found, expected, hint } = error
    const whole = field === undefined ? path : `${path}.${field}`
    throw new ConfigError(code, `${path}.${message}`, { field: whole, found, expected, hint, cause: error })
  }
}
