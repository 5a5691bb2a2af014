import { quote, type Refuse } from '../errors.js'
import { type Budget, DICT_BYTES, ENTRY_BYTES, ITEM_BYTES, NODE_BYTES } from './budget.js'
import { MAX_DEPTH } from './limits.js'
import {
  type DictNode,
  describe,
  isNode,
  type ListNode,
  type ObjectNode,
  type PickleNode,
  type PickleValue,
  type TupleNode,
} from './values.js'

/** Builds and changes the containers of one pickle; every way to make them recursive or deep is refused. */
export interface Containers {
  tuple(items: readonly PickleValue[]): TupleNode
  list(): ListNode
  append(list: PickleValue, items: readonly PickleValue[]): void
  /** Keys and values in turn. */
  setItems(dict: PickleValue, items: readonly PickleValue[]): void
  /** Notes that an object holds a value. */
  place(value: PickleValue, holder: PickleNode): void
}

export function createDict(budget: Budget, ordered: boolean): DictNode {
  budget.charge(DICT_BYTES)
  return { kind: 'dict', ordered, entries: new Map(), depth: 0, placed: false }
}

export function createObject(budget: Budget, value: ObjectNode['value'], bytes = NODE_BYTES): ObjectNode {
  budget.charge(NODE_BYTES + bytes)
  return { kind: 'object', value, depth: 0, placed: false }
}

export function createContainers(refuse: Refuse, budget: Budget): Containers {
  const place = (value: PickleValue, holder: PickleNode): void => {
    if (!isNode(value)) return
    if (value === holder) refuse('PICKLE_RECURSION', `${describe(holder)} is placed into itself`)
    value.placed = true
    holder.depth = Math.max(holder.depth, value.depth + 1)
    if (holder.depth > MAX_DEPTH) {
      refuse('PICKLE_LIMIT', `values are nested deeper than ${MAX_DEPTH} levels`)
    }
  }
  const assertOpen = (node: PickleNode): void => {
    // Writers fill a value before they put it anywhere, unless it contains itself.
    if (node.placed) {
      refuse('PICKLE_RECURSION', `${describe(node)} changes after it became part of another value`)
    }
  }

  return {
    place(value, holder) {
      assertOpen(holder)
      place(value, holder)
    },
    tuple(items) {
      budget.charge(NODE_BYTES + ITEM_BYTES * items.length)
      const node: TupleNode = { kind: 'tuple', items, depth: 0, placed: false }
      for (const item of items) place(item, node)
      return node
    },
    list() {
      budget.charge(NODE_BYTES)
      return { kind: 'list', items: [], depth: 0, placed: false }
    },
    append(list, items) {
      if (!isNode(list) || list.kind !== 'list') {
        return refuse('PICKLE_CALL_REFUSED', `APPEND on ${describe(list)}; only lists can be appended to`)
      }
      assertOpen(list)
      budget.charge(ITEM_BYTES * items.length)
      for (const item of items) {
        place(item, list)
        list.items.push(item)
      }
    },
    setItems(dict, items) {
      if (!isNode(dict) || dict.kind !== 'dict') {
        return refuse('PICKLE_CALL_REFUSED', `SETITEM on ${describe(dict)}; only dicts take items`)
      }
      assertOpen(dict)
      if (items.length % 2 !== 0) refuse('PICKLE_BAD', 'a key of a dict has no value')
      budget.charge((ENTRY_BYTES * items.length) / 2)
      for (let index = 0; index < items.length; index += 2) {
        const key = items[index]!
        if (typeof key !== 'string' && typeof key !== 'number') {
          return refuse('PICKLE_BAD', `${describe(key)} as key of a dict; texts and integers are allowed`)
        }
        if (dict.entries.has(key)) {
          refuse('PICKLE_DUPLICATE_KEY', `the key ${quote(String(key))} appears twice in a dict`)
        }
        const value = items[index + 1]!
        place(value, dict)
        dict.entries.set(key, value)
      }
    },
  }
}
