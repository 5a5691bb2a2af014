import { TemplateFailure } from './failure.js'

/**
 * A value of Python, as templates see them: `bigint` is int, `number` is float, `null` is None, an array is a list.
 * A template cannot change lists and dicts (the sandbox of transformers forbids it), so both are shared freely.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | Tuple
  | Dict
  | DictView
  | Range
  | Generator
  | Undefined
  | Markup
  | Namespace
  | Callable
  | Instance

/** What a name, attribute or element that does not exist stands for: empty text, false, without elements. */
export class Undefined {
  /** Why there is nothing: what the error says when something needs the value, which is seldom. */
  readonly #reason: () => string

  constructor(reason: string | (() => string)) {
    this.#reason = typeof reason === 'string' ? () => reason : reason
  }

  fail(): never {
    throw new TemplateFailure(this.#reason())
  }
}

export class Tuple {
  readonly items: readonly Value[]
  /** Of the items, in a tuple whose items have names. */
  readonly names: readonly string[]

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items
    this.names = names
  }
}

/** The text of HTML that needs no escaping: what the filters `safe` and `escape` give. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type HashKey = string | bigint | number | null

/** Tuples that are keys are pairs and the like. */
const MAX_KEY_ITEMS = 16

/** A mapping in the order of insertion, whose keys are equal as Python's are: 1, 1.0 and True are one key. */
export class Dict {
  readonly #entries = new Map<HashKey, readonly [key: Value, value: Value]>()

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value)
  }

  /** While a dict is made: a template cannot change one. @throws TemplateFailure for a key that cannot be one. */
  set(key: Value, value: Value): void {
    const hash = hashKey(key)
    const known = this.#entries.get(hash)
    this.#entries.set(hash, [known === undefined ? key : known[0], value])
  }

  get size(): number {
    return this.#entries.size
  }

  /** @throws TemplateFailure for a key that cannot be one. */
  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1]
  }

  entries(): IterableIterator<readonly [Value, Value]> {
    return this.#entries.values()
  }

  *keys(): Items {
    for (const [key] of this.#entries.values()) yield key
  }

  *values(): Items {
    for (const [, value] of this.#entries.values()) yield value
  }
}

type Items = globalThis.Generator<Value, void, undefined>

/** What `keys()`, `values()` and `items()` of a dict give. */
export class DictView {
  readonly dict: Dict
  readonly shows: 'keys' | 'values' | 'items'

  constructor(dict: Dict, shows: 'keys' | 'values' | 'items') {
    this.dict = dict
    this.shows = shows
  }

  *[Symbol.iterator](): Items {
    for (const [key, value] of this.dict.entries()) {
      yield this.shows === 'keys' ? key : this.shows === 'values' ? value : new Tuple([key, value])
    }
  }
}

export class Range {
  readonly start: number
  readonly stop: number
  readonly step: number
  readonly length: number

  constructor(start: number, stop: number, step: number) {
    this.start = start
    this.stop = stop
    this.step = step
    this.length = Math.max(0, Math.ceil((stop - start) / step))
  }

  /** The element at `index`, which is from 0 to below `length`. */
  at(index: number): bigint {
    return BigInt(this.start + index * this.step)
  }
}

/** Elements that are made when they are asked for, once: what `map` and `select` give. */
export class Generator {
  readonly items: Iterator<Value>

  constructor(items: Iterator<Value>) {
    this.items = items
  }
}

/** What a template may set attributes of. */
export class Namespace {
  readonly attributes: Map<string, Value>

  constructor(attributes: Iterable<readonly [string, Value]>) {
    this.attributes = new Map(attributes)
  }
}

/** Arguments of a call, evaluated. */
export interface CallArguments {
  readonly positional: readonly Value[]
  readonly keywords: ReadonlyMap<string, Value>
}

/** A function, macro or bound method. */
export class Callable {
  readonly name: string
  readonly call: (args: CallArguments) => Value
  /** What a template may ask of a macro: its name, its arguments. */
  readonly attributes: ReadonlyMap<string, Value>

  constructor(
    name: string,
    call: (args: CallArguments) => Value,
    attributes: ReadonlyMap<string, Value> = new Map(),
  ) {
    this.name = name
    this.call = call
    this.attributes = attributes
  }
}

/** An object with attributes of its own: `loop`, a cycler, a group of `groupby`. */
export abstract class Instance {
  abstract readonly typeName: string
  abstract attribute(name: string): Value | undefined
  call(_args: CallArguments): Value {
    throw new TemplateFailure(`'${this.typeName}' object is not callable`)
  }
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** int or bool, which is an int in Python. */
export function isWhole(value: Value): value is bigint | boolean {
  return typeof value === 'bigint' || typeof value === 'boolean'
}

export type Numeric = bigint | boolean | number

export function isNumber(value: Value): value is Numeric {
  return isWhole(value) || typeof value === 'number'
}

/** The text of a str, or undefined for another type. */
export function textOf(value: Value): string | undefined {
  return typeof value === 'string' ? value : value instanceof Markup ? value.text : undefined
}

/** The name of a type in messages, as Python has it. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'string':
      return 'str'
  }
  if (isList(value)) return 'list'
  if (value instanceof Instance) return value.typeName
  if (value instanceof DictView) return `dict_${value.shows}`
  if (value instanceof Callable) return 'function'
  return value.constructor.name.toLowerCase()
}

/** Python's truth of a value. */
export function isTrue(value: Value): boolean {
  if (value === null) return false
  switch (typeof value) {
    case 'boolean':
      return value
    case 'bigint':
      return value !== 0n
    case 'number':
      return value !== 0
    case 'string':
      return value !== ''
  }
  if (isList(value)) return value.length > 0
  if (value instanceof Undefined) return false
  if (value instanceof Tuple) return value.items.length > 0
  if (value instanceof Dict) return value.size > 0
  if (value instanceof DictView) return value.dict.size > 0
  if (value instanceof Range) return value.length > 0
  if (value instanceof Markup) return value.text !== ''
  return true
}

function hashKey(value: Value): HashKey {
  const text = textOf(value)
  if (text !== undefined) return text
  if (value === null) return value
  // A map finds numbers several times faster than bigints, which are left to what a number cannot tell apart.
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value
  }
  if (value instanceof Tuple && value.items.length <= MAX_KEY_ITEMS) {
    // No text that a template can write begins so, but one that is given may: it then only shadows itself.
    return `\0tuple ${JSON.stringify(value.items.map(itemKey))}`
  }
  throw new TemplateFailure(`unhashable type: '${typeName(value)}'`)
}

function itemKey(value: Value): string {
  if (value instanceof Tuple) throw new TemplateFailure('a key cannot be a tuple of tuples')
  const hash = hashKey(value)
  return `${typeof hash} ${String(hash)}`
}
