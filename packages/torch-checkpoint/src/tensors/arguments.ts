import { quoteDotted, type Refuse } from '../errors.js'
import {
  type DictNode,
  describe,
  type GlobalNode,
  isNode,
  type PickleValue,
  type TupleNode,
} from '../pickle/values.js'
import type { TorchDtypeName } from './dtypes.js'
import type { StorageRef } from './rebuilt.js'
import { MAX_DIMENSIONS } from './strided-layout.js'

/** Typed access to the arguments of one call; anything unexpected is refused with the name of the callee. */
export interface Arguments {
  readonly count: number
  at(index: number): PickleValue
  fail(problem: string): never
  text(index: number): string
  flag(index: number): boolean
  wholeNumber(index: number): number
  wholeNumbers(index: number): readonly number[]
  dict(index: number): DictNode
  global(index: number): GlobalNode
  dtype(index: number): TorchDtypeName
  storage(index: number): StorageRef
  tuple(index: number): TupleNode
}

export function readArguments(
  callee: string,
  tuple: TupleNode,
  [least, most]: readonly [least: number, most: number],
  refuse: Refuse,
): Arguments {
  const { items } = tuple
  const fail = (problem: string): never =>
    refuse('PICKLE_CALL_REFUSED', `${quoteDotted(callee)} is called with ${problem}`, { refused: callee })
  if (items.length < least || items.length > most) {
    const expected = least === most ? `${least}` : `${least} to ${most}`
    fail(`${items.length} arguments, expected ${expected}`)
  }
  const at = (index: number): PickleValue => items[index] ?? null
  const expected = (index: number, what: string): never =>
    fail(`${describe(at(index))} as argument ${index + 1}, expected ${what}`)
  const global = (index: number): GlobalNode => {
    const value = at(index)
    return isNode(value) && value.kind === 'global' ? value : expected(index, 'a listed name')
  }

  return {
    count: items.length,
    at,
    fail,
    global,
    text(index) {
      const value = at(index)
      return typeof value === 'string' ? value : expected(index, 'a text')
    },
    flag(index) {
      const value = at(index)
      return typeof value === 'boolean' ? value : expected(index, 'True or False')
    },
    wholeNumber(index) {
      const value = at(index)
      return isWholeNumber(value) ? value : expected(index, 'a whole number, 0 or larger')
    },
    wholeNumbers(index) {
      const value = at(index)
      if (isNode(value) && (value.kind === 'tuple' || value.kind === 'list')) {
        const items: readonly PickleValue[] = value.items
        // Checked before the loop: a shared tuple could be passed a million times.
        if (items.length > MAX_DIMENSIONS)
          return fail(`${items.length} sizes, expected at most ${MAX_DIMENSIONS}`)
        const numbers = items.filter((item) => isWholeNumber(item))
        if (numbers.length === items.length) return Object.freeze(numbers)
      }
      return expected(index, 'whole numbers, 0 or larger')
    },
    dict(index) {
      const value = at(index)
      return isNode(value) && value.kind === 'dict' ? value : expected(index, 'a dict')
    },
    tuple(index) {
      const value = at(index)
      return isNode(value) && value.kind === 'tuple' ? value : expected(index, 'a tuple')
    },
    dtype(index) {
      const { meaning } = global(index).global
      return meaning.kind === 'dtype' ? meaning.dtype : expected(index, 'a dtype')
    },
    storage(index) {
      const value = at(index)
      if (isNode(value) && value.kind === 'object' && value.value.kind === 'storage') return value.value
      return expected(index, 'a storage')
    },
  }
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
