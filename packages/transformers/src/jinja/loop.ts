import type { Budget } from './budget.js'
import { equal } from './comparison.js'
import { iterate, sizeOf } from './containers.js'
import { TemplateFailure } from './failure.js'
import { type CallArguments, Callable, Generator, Instance, Undefined, type Value } from './values.js'

/** The variable `loop`: where a loop is, and how far it goes. */
export class Loop extends Instance {
  override readonly typeName = 'LoopContext'
  readonly #items: Iterator<Value>
  readonly #size: number | undefined
  readonly #depth: number
  readonly #recurse: ((items: Value) => Value) | undefined
  readonly #budget: Budget
  /** Elements that were read ahead, to know whether more come or how many there are; those before `#next` are used. */
  #ahead: Value[] = []
  #next = 0
  #index = -1
  #previous: Value | undefined
  #current: Value | undefined
  #changed: readonly Value[] | undefined

  constructor(items: Value, depth: number, recurse: ((items: Value) => Value) | undefined, budget: Budget) {
    super()
    this.#items = iterate(items, budget)[Symbol.iterator]()
    this.#size = items instanceof Generator ? undefined : sizeOf(items, budget)
    this.#depth = depth
    this.#recurse = recurse
    this.#budget = budget
  }

  /** The next element, or undefined behind the last. */
  advance(): Value | undefined {
    const value = this.#next < this.#ahead.length ? this.#takeAhead() : this.#read()
    if (value === undefined) return undefined
    this.#index++
    this.#previous = this.#current
    this.#current = value
    return value
  }

  /** By a place in the list: taking from its front would move all the others. */
  #takeAhead(): Value | undefined {
    const value = this.#ahead[this.#next++]
    if (this.#next === this.#ahead.length) {
      this.#ahead = []
      this.#next = 0
    }
    return value
  }

  #read(): Value | undefined {
    const { done, value } = this.#items.next()
    return done === true ? undefined : value
  }

  #peek(): Value | undefined {
    if (this.#ahead.length === 0) {
      const value = this.#read()
      if (value !== undefined) this.#ahead.push(value)
    }
    return this.#ahead[this.#next]
  }

  #nextItem(): Value {
    const next = this.#peek()
    return next === undefined ? new Undefined('there is no next item') : next
  }

  #length(): number {
    if (this.#size !== undefined) return this.#size
    for (let value = this.#read(); value !== undefined; value = this.#read()) this.#ahead.push(value)
    return this.#index + 1 + this.#ahead.length - this.#next
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return BigInt(this.#index + 1)
      case 'index0':
        return BigInt(this.#index)
      case 'revindex':
        return BigInt(this.#length() - this.#index)
      case 'revindex0':
        return BigInt(this.#length() - this.#index - 1)
      case 'first':
        return this.#index === 0
      case 'last':
        return this.#peek() === undefined
      case 'length':
        return BigInt(this.#length())
      case 'depth':
        return BigInt(this.#depth)
      case 'depth0':
        return BigInt(this.#depth - 1)
      case 'previtem':
        return this.#previous === undefined ? new Undefined('there is no previous item') : this.#previous
      case 'nextitem':
        return this.#nextItem()
      case 'cycle':
        return new Callable(name, ({ positional }) => this.#cycle(positional))
      case 'changed':
        return new Callable(name, ({ positional }) => this.#hasChanged(positional))
    }
    return undefined
  }

  override call({ positional }: CallArguments): Value {
    if (this.#recurse === undefined) {
      throw new TemplateFailure("The loop must have the 'recursive' marker to be called recursively.")
    }
    return this.#recurse(positional[0] ?? null)
  }

  #cycle(values: readonly Value[]): Value {
    if (values.length === 0) throw new TemplateFailure('no items for cycling given')
    return values[this.#index % values.length]!
  }

  #hasChanged(values: readonly Value[]): boolean {
    const same = this.#changed !== undefined && equal(this.#changed, values, this.#budget)
    this.#changed = values
    return !same
  }
}
