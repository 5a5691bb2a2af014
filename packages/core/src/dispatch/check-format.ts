import type { Component, QuantizedFormat, Skip, WeightInfo } from '../contract/format.js'
import { ConfigError } from '../errors/families.js'
import { quote } from '../errors/quote.js'
import { isDtype } from '../shell/dtype.js'

/**
 * Checks what a method says of a weight: what is wrong with a plug-in is named here, and not where something fails for it.
 *
 * @throws ConfigError FORMAT_INVALID naming method, module and member.
 */
export function checkFormat(choice: QuantizedFormat | Skip, weight: WeightInfo, quantMethod: string): void {
  const wrong = whatIsWrong(choice, weight)
  if (wrong === undefined) return
  throw new ConfigError('FORMAT_INVALID', `what ${quantMethod} says of ${weight.path} is wrong: ${wrong}`, {
    module: weight.path,
    field: 'formatFor',
    hint: 'See QuantizedFormat of @hfquant/core, and docs/write-a-backend.md.',
  })
}

function whatIsWrong(choice: QuantizedFormat | Skip, weight: WeightInfo): string | undefined {
  if (typeof choice !== 'object' || choice === null)
    return `formatFor gives ${quote(choice)}, expected a format or a skip`
  if ('skip' in choice)
    return typeof choice.skip === 'string' ? undefined : `skip is ${quote(choice.skip)}, expected a reason`
  if (typeof choice.name !== 'string')
    return `the name of its format is ${quote(choice.name)}, expected a text`
  return wrongMember(choice) ?? wrongComponent(choice, weight)
}

function wrongMember(format: QuantizedFormat): string | undefined {
  const missing = (['components', 'dequantize'] as const).find((name) => typeof format[name] !== 'function')
  if (missing !== undefined) return `${missing} is no function`
  // The bytes are taken when the function returns.
  const late = (['quantize', 'finish', 'dequantize'] as const).find((name) => isAsync(format[name]))
  return late && `${late} is asynchronous: it has to be done when it returns`
}

const isAsync = (member: unknown): boolean =>
  Object.prototype.toString.call(member) === '[object AsyncFunction]'

function wrongComponent(format: QuantizedFormat, weight: WeightInfo): string | undefined {
  const components = format.components(weight)
  if (!Array.isArray(components) || components.length === 0)
    return `components gives ${quote(components)}, expected a list`
  const all: readonly Component[] = [...components, ...(format.scratch?.(weight) ?? [])]
  for (const [index, { key, dtype, shape }] of all.entries()) {
    if (typeof key !== 'string' || key === '')
      return `the key of a component is ${quote(key)}, expected a name`
    if (all.findIndex((other) => other.key === key) < index)
      return `two components have the key ${quote(key)}`
    if (typeof dtype !== 'string' || !isDtype(dtype))
      return `the dtype of ${key} is ${quote(dtype)}, which is unknown`
    if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
      return `the shape of ${key} is ${quote(shape)}, expected whole numbers from 0 on`
  }
  return undefined
}
