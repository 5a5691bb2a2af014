import { type Builtin, builtinNamed, type Runtime } from './builtins/builtin.js'
import { CHANGING_METHODS, DICT_METHODS, LIST_METHODS } from './builtins/collection-methods.js'
import { TEXT_METHODS } from './builtins/text-methods.js'
import { scannedKey, sizeOf } from './containers.js'
import { TemplateFailure } from './failure.js'
import { characters, countCharacters, sliceCharacters } from './text/characters.js'
import { quote, repr } from './text/repr.js'
import {
  Callable,
  Dict,
  Instance,
  isList,
  isNumber,
  isWhole,
  Namespace,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** `value.name`: an attribute or method first, then the element of that name. */
export function getAttribute(value: Value, name: string, runtime: Runtime): Value {
  if (value instanceof Undefined) value.fail()
  const attribute = attributeOf(value, name, runtime)
  if (attribute !== undefined) return attribute
  const element = elementOf(value, name, runtime)
  return element === undefined ? missing(value, name, runtime) : element
}

/** `value[key]`: the element first, then the attribute or method of that name. */
export function getItem(value: Value, key: Value, runtime: Runtime): Value {
  if (value instanceof Undefined) value.fail()
  const element = elementOf(value, key, runtime)
  if (element !== undefined) return element
  const name = textOf(key)
  const attribute = name === undefined ? undefined : attributeOf(value, name, runtime)
  return attribute === undefined ? missing(value, key, runtime) : attribute
}

function missing(value: Value, key: Value, { budget }: Runtime): Undefined {
  return new Undefined(() => {
    const name = textOf(key)
    return name === undefined
      ? `${typeName(value)} object has no element ${repr(key, budget)}`
      : `'${typeName(value)} object' has no attribute ${quote(name)}`
  })
}

/** What a value has under a name by its type; never anything of the JavaScript object that stands for it. */
function attributeOf(value: Value, name: string, runtime: Runtime): Value | undefined {
  if (name.startsWith('_')) return undefined
  const text = textOf(value)
  if (text !== undefined) return bound(TEXT_METHODS, text, name, runtime)
  if (value instanceof Dict) {
    return bound(DICT_METHODS, value, name, runtime) ?? forbidden(CHANGING_METHODS.dict, value, name)
  }
  if (isList(value)) {
    return bound(LIST_METHODS, value, name, runtime) ?? forbidden(CHANGING_METHODS.list, value, name)
  }
  if (value instanceof Tuple && value.names.includes(name)) return value.items[value.names.indexOf(name)]
  if (value instanceof Tuple)
    return name === 'copy' ? undefined : bound(LIST_METHODS, value.items, name, runtime)
  if (value instanceof Namespace) return value.attributes.get(name)
  if (value instanceof Callable) return value.attributes.get(name)
  if (value instanceof Instance) return value.attribute(name)
  if (value instanceof Range) return rangeAttribute(value, name)
  return isNumber(value) ? numberAttribute(value, name) : undefined
}

function bound<Subject>(
  methods: { readonly [name: string]: Builtin<Subject> },
  subject: Subject,
  name: string,
  runtime: Runtime,
): Callable | undefined {
  const method = builtinNamed(methods, name)
  if (method === undefined) return undefined
  return new Callable(name, (args) => {
    if (typeof subject === 'string') runtime.budget.scan(subject.length)
    const result = method(runtime, subject, args)
    if (typeof result === 'string') runtime.budget.text(result.length)
    return result
  })
}

function forbidden(names: readonly string[], value: Value, name: string): Undefined | undefined {
  if (!names.includes(name)) return undefined
  return new Undefined(
    `the method ${name} of ${typeName(value)} is not safe: a template may not change values`,
  )
}

function numberAttribute(value: bigint | boolean | number, name: string): Value | undefined {
  if (name === 'real') return typeof value === 'boolean' ? BigInt(value) : value
  if (name === 'imag') return typeof value === 'number' ? 0 : 0n
  if (typeof value === 'number') {
    return name === 'is_integer' ? new Callable(name, () => Number.isInteger(value)) : undefined
  }
  if (name === 'numerator') return BigInt(value)
  if (name === 'denominator') return 1n
  if (name !== 'bit_length') return undefined
  const magnitude = BigInt(value) < 0n ? -BigInt(value) : BigInt(value)
  return new Callable(name, () => BigInt(magnitude === 0n ? 0 : magnitude.toString(2).length))
}

function rangeAttribute({ start, stop, step }: Range, name: string): Value | undefined {
  const found = { start, stop, step }[name]
  return found === undefined ? undefined : BigInt(found)
}

/** The element of a dict, list, tuple, range or text; undefined when there is none. */
function elementOf(value: Value, key: Value, { budget }: Runtime): Value | undefined {
  if (value instanceof Dict) return hashes(value, scannedKey(key, budget))
  if (!isWhole(key)) return undefined
  const index = Number(key)
  if (isList(value)) return value.at(index)
  if (value instanceof Tuple) return value.items.at(index)
  if (value instanceof Range) {
    const at = index < 0 ? index + value.length : index
    return at >= 0 && at < value.length ? value.at(at) : undefined
  }
  const text = textOf(value)
  if (text === undefined) return undefined
  const length = countCharacters(text, budget)
  const at = index < 0 ? index + length : index
  return at >= 0 && at < length ? sliceCharacters(text, at, at + 1, budget) : undefined
}

/** A key that no dict can have is in none. */
function hashes(dict: Dict, key: Value): Value | undefined {
  try {
    return dict.get(key)
  } catch (error) {
    if (error instanceof TemplateFailure) return undefined
    throw error
  }
}

/** `value[start:stop:step]` of a list, tuple, range or text. */
export function getSlice(
  value: Value,
  [start, stop, step]: readonly [Value, Value, Value],
  { budget }: Runtime,
): Value {
  if (value instanceof Undefined) value.fail()
  const isText = textOf(value) !== undefined
  const length =
    isText || isList(value) || value instanceof Tuple || value instanceof Range ? sizeOf(value, budget)! : -1
  if (length < 0) throw new TemplateFailure(`'${typeName(value)}' object cannot be sliced`)
  const stride = sliceIndex(step, 1)
  if (stride === 0) throw new TemplateFailure('slice step cannot be zero')
  const clamp = (index: number) => {
    const at = index < 0 ? index + length : index
    return stride > 0 ? Math.min(length, Math.max(0, at)) : Math.min(length - 1, Math.max(-1, at))
  }
  const from = start === null ? (stride > 0 ? 0 : length - 1) : clamp(sliceIndex(start, 0))
  const to = stop === null ? (stride > 0 ? length : -1) : clamp(sliceIndex(stop, 0))
  const count = Math.max(0, Math.ceil((to - from) / stride))
  if (value instanceof Range) {
    return new Range(
      value.start + from * value.step,
      value.start + (from + count * stride) * value.step,
      value.step * stride,
    )
  }
  const text = textOf(value)
  if (text !== undefined) {
    budget.text(count)
    if (stride === 1) return sliceCharacters(text, from, Math.max(from, to), budget)
    return picked(characters(text, budget), from, stride, count).join('')
  }
  budget.step(count)
  const items = isList(value) ? value : (value as Tuple).items
  const part = picked(items, from, stride, count)
  return isList(value) ? part : new Tuple(part)
}

function picked<T>(items: readonly T[], from: number, stride: number, count: number): T[] {
  return Array.from({ length: count }, (_, index) => items[from + index * stride]!)
}

function sliceIndex(value: Value, usual: number): number {
  if (value === null) return usual
  if (isWhole(value)) return Number(value)
  if (value instanceof Undefined) value.fail()
  throw new TemplateFailure('slice indices must be integers or None')
}
