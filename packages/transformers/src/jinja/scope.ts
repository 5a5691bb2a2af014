import type { Value } from './values.js'

/** Names that are visible at a place of a template: those set there, then those around it. */
export class Scope {
  readonly parent: Scope | undefined
  readonly #values = new Map<string, Value>()

  constructor(parent?: Scope) {
    this.parent = parent
  }

  get(name: string): Value | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const value = scope.#values.get(name)
      if (value !== undefined) return value
    }
    return undefined
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value)
  }

  /** The values of this scope and of those around it, innermost first. */
  *values(): Iterable<Value> {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      yield* scope.#values.values()
    }
  }
}
