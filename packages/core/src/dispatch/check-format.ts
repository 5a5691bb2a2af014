import type {
  Component,
  IntegerForm,
  KernelCall,
  QuantizedFormat,
  Skip,
  WeightInfo,
} from '../contract/format.js'
import { closestName } from '../errors/closest-name.js'
import { ConfigError } from '../errors/families.js'
import { quote } from '../errors/quote.js'
import { isDtype, isFloatDtype } from '../shell/dtype.js'
import { type Members, wrongFunction } from './wrong-function.js'

/**
 * Checks what a method says of a weight: what is wrong with a plug-in is named here, and not where something fails for it.
 *
 * @throws ConfigError FORMAT_INVALID naming method, module and member.
 */
export function checkFormat(choice: QuantizedFormat | Skip, weight: WeightInfo, quantMethod: string): void {
  const wrong = whatIsWrong(choice, weight)
  if (wrong !== undefined) throw formatInvalid(wrong, weight, quantMethod)
}

/** The error about what a method says of a weight. */
export const formatInvalid = (wrong: string, { path }: WeightInfo, quantMethod: string): ConfigError =>
  new ConfigError('FORMAT_INVALID', `what ${quantMethod} says of ${path} is wrong: ${wrong}`, {
    module: path,
    field: 'formatFor',
    hint: 'See QuantizedFormat of @hfquant/core, and docs/write-a-backend.md.',
  })

function whatIsWrong(choice: QuantizedFormat | Skip, weight: WeightInfo): string | undefined {
  if (typeof choice !== 'object' || choice === null)
    return `formatFor gives ${quote(choice)}, expected a format or a skip`
  if ('skip' in choice)
    return typeof choice.skip === 'string' ? undefined : `skip is ${quote(choice.skip)}, expected a reason`
  if (typeof choice.name !== 'string')
    return `the name of its format is ${quote(choice.name)}, expected a text`
  return (
    wrongMember(choice) ??
    wrongIntegers(choice) ??
    wrongComponent(choice, weight) ??
    wrongKernel(choice, weight)
  )
}

const MEMBERS: Members<QuantizedFormat> = {
  ...{ name: 'value', warnings: 'value', rowsPerStep: 'value', sizesDependOnValues: 'value', bias: 'value' },
  ...{ components: 'function', scratch: 'function?', quantize: 'function?', quantizeKernel: 'function?' },
  ...{ finish: 'function?', dequantize: 'function', dequantizeKernel: 'function?' },
  ...{ lower: 'function?', lowerEmbedding: 'function?', integers: 'value', pack: 'function?' },
}

function wrongMember(format: QuantizedFormat): string | undefined {
  const wrong = wrongFunction(format, MEMBERS)
  if (wrong !== undefined) return wrong
  const { rowsPerStep = 1, bias } = format
  if (!(Number.isSafeInteger(rowsPerStep) && rowsPerStep > 0))
    return `rowsPerStep is ${quote(rowsPerStep)}, expected a whole number from 1 on`
  if (bias !== undefined && !isFloatDtype(bias))
    return `bias is ${quote(bias)}, expected float32, bfloat16 or float16`
  // A format may have members of its own, but none that is taken for one of these.
  for (const name of Object.keys(format)) {
    const meant = Object.hasOwn(MEMBERS, name) ? undefined : closestName(name, Object.keys(MEMBERS), 1)
    if (meant !== undefined) return `${name} is no member of a format. Did you mean "${meant}"?`
  }
  return undefined
}

function wrongIntegers({ integers }: QuantizedFormat): string | undefined {
  if (integers === undefined) return undefined
  if (typeof integers !== 'object' || integers === null)
    return `integers is ${quote(integers)}, expected a form or a skip`
  return 'skip' in integers ? undefined : wrongFunction(integers, FORM, (name) => `integers.${name}`)
}

const FORM: Members<IntegerForm> = { grid: 'value', unpack: 'function' }

const LAYOUTS: readonly unknown[] = [undefined, 'rows', 'columns', 'whole']

function wrongComponent(format: QuantizedFormat, weight: WeightInfo): string | undefined {
  const components = format.components(weight)
  if (!Array.isArray(components) || components.length === 0)
    return `components gives ${quote(components)}, expected a list`
  const scratch = format.scratch?.(weight) ?? []
  if (!Array.isArray(scratch)) return `scratch gives ${quote(scratch)}, expected a list`
  const all: readonly Component[] = [...components, ...scratch]
  for (const [index, component] of all.entries()) {
    if (typeof component !== 'object' || component === null)
      return `a component is ${quote(component)}, expected an object`
    const { key, dtype, shape, layout } = component
    if (typeof key !== 'string' || key === '')
      return `the key of a component is ${quote(key)}, expected a name`
    if (all.findIndex((other) => other.key === key) < index)
      return `two components have the key ${quote(key)}`
    if (typeof dtype !== 'string' || !isDtype(dtype))
      return `the dtype of ${key} is ${quote(dtype)}, which is unknown`
    if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
      return `the shape of ${key} is ${quote(shape)}, expected whole numbers from 0 on`
    if (!LAYOUTS.includes(layout))
      return `the layout of ${key} is ${quote(layout)}, expected 'rows', 'columns' or 'whole'`
  }
  return undefined
}

/** Kernels are called with the components that they name. */
function wrongKernel(format: QuantizedFormat, weight: WeightInfo): string | undefined {
  const stored = format.components(weight).map(({ key }) => key)
  const scratch = (format.scratch?.(weight) ?? []).map(({ key }) => key)
  return (
    wrongCall('quantizeKernel', format.quantizeKernel?.(weight), [...stored, ...scratch]) ??
    wrongCall('dequantizeKernel', format.dequantizeKernel?.(weight), stored)
  )
}

function wrongCall(name: string, call: KernelCall | undefined, keys: readonly string[]): string | undefined {
  if (call === undefined) return undefined
  if (typeof call?.kernel !== 'string') return `${name} gives ${quote(call)}, expected the call of a kernel`
  const strange = call.components?.find((key) => !keys.includes(key))
  return strange === undefined
    ? undefined
    : `${name} names the component ${quote(strange)}, expected one of ${keys.join(', ')}`
}
