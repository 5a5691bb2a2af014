import type { Refuse } from '../errors.js'
import { type Budget, ITEM_BYTES } from './budget.js'
import { MAX_MEMO_ENTRIES, MAX_STACK_ITEMS } from './limits.js'
import type { PickleValue } from './values.js'

/** Stack, marks and memo of the interpreter. Nothing reaches below the last mark. */
export interface PickleStack {
  push(value: PickleValue): void
  pop(): PickleValue
  top(): PickleValue
  /** Whether there is something above the last mark. */
  readonly isEmpty: boolean
  mark(): void
  /** Takes everything above the last mark, and the mark. */
  popToMark(): PickleValue[]
  dropMark(): void
  /** The only value left, when there is one and no mark. */
  result(): PickleValue
  memoize(index?: number): void
  recall(index: number): PickleValue
}

export function createPickleStack(refuse: Refuse, budget: Budget): PickleStack {
  const items: PickleValue[] = []
  /** Heights of the stack at which marks lie. */
  const marks: number[] = []
  const memo = new Map<number, PickleValue>()
  const bottom = (): number => marks.at(-1) ?? 0
  const assertRoom = (): void => {
    if (items.length + marks.length >= MAX_STACK_ITEMS) {
      refuse('PICKLE_LIMIT', `more than ${MAX_STACK_ITEMS} values wait on the stack`)
    }
  }
  const top = (): PickleValue => {
    if (items.length <= bottom()) refuse('PICKLE_BAD', 'an opcode takes a value that is not there')
    return items.at(-1)!
  }

  return {
    push(value) {
      assertRoom()
      items.push(value)
    },
    pop() {
      const value = top()
      items.pop()
      return value
    },
    top,
    get isEmpty() {
      return items.length <= bottom()
    },
    mark() {
      assertRoom()
      marks.push(items.length)
    },
    popToMark() {
      const height = marks.pop()
      if (height === undefined) return refuse('PICKLE_BAD', 'an opcode looks for a mark that is not there')
      return items.splice(height)
    },
    dropMark() {
      if (marks.pop() === undefined) refuse('PICKLE_BAD', 'POP on an empty stack')
    },
    result() {
      if (items.length !== 1 || marks.length !== 0) {
        refuse(
          'PICKLE_BAD',
          `${items.length} values and ${marks.length} marks are left at the end, expected one`,
        )
      }
      return items[0]!
    },
    memoize(index = memo.size) {
      const value = top()
      if (!memo.has(index)) {
        if (memo.size >= MAX_MEMO_ENTRIES) {
          refuse('PICKLE_LIMIT', `more than ${MAX_MEMO_ENTRIES} values are remembered`)
        }
        budget.charge(2 * ITEM_BYTES)
      }
      memo.set(index, value)
    },
    recall(index) {
      const value = memo.get(index)
      return value === undefined ? refuse('PICKLE_BAD', `memo entry ${index} was never written`) : value
    },
  }
}
