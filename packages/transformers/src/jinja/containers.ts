import type { Budget } from './budget.js'
import { equal } from './comparison.js'
import { TemplateFailure } from './failure.js'
import { countCharacters } from './text/characters.js'
import {
  Dict,
  DictView,
  Generator,
  isList,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Python's `item in container`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  const text = textOf(container)
  if (text !== undefined) {
    const part = textOf(item)
    if (part === undefined) {
      throw new TemplateFailure(`'in <string>' requires string as left operand, not ${typeName(item)}`)
    }
    budget.search(text, part)
    return text.includes(part)
  }
  const dict = container instanceof DictView && container.shows === 'keys' ? container.dict : container
  if (dict instanceof Dict) return dict.get(scannedKey(item, budget)) !== undefined
  for (const element of iterate(container, budget)) if (equal(element, item, budget)) return true
  return false
}

/** A key that is about to be looked up in a dict, which may compare all of its text. */
export function scannedKey(key: Value, budget: Budget): Value {
  for (const part of key instanceof Tuple ? key.items : [key]) budget.scan(textOf(part)?.length ?? 0)
  return key
}

/** The elements of what can be iterated over. @throws TemplateFailure for anything else. */
export function iterate(value: Value, budget: Budget): Iterable<Value> {
  const text = textOf(value)
  if (text !== undefined) return counted(text, budget)
  if (isList(value)) return counted(value, budget)
  if (value instanceof Tuple) return counted(value.items, budget)
  if (value instanceof Dict) return counted(value.keys(), budget)
  if (value instanceof DictView) return counted(value, budget)
  if (value instanceof Range) return counted(rangeItems(value), budget)
  if (value instanceof Generator) return counted(rest(value.items), budget)
  if (value instanceof Undefined) return []
  throw new TemplateFailure(`'${typeName(value)}' object is not iterable`)
}

function* counted(items: Iterable<Value>, budget: Budget): Iterable<Value> {
  for (const item of items) {
    budget.step()
    yield item
  }
}

function* rangeItems(range: Range): Iterable<Value> {
  for (let index = 0; index < range.length; index++) yield range.at(index)
}

/** What an iterator has left. It stays open when the loop over it is left, as Python's do. */
function* rest(items: Iterator<Value>): Iterable<Value> {
  for (let next = items.next(); next.done !== true; next = items.next()) yield next.value
}

/** The number of elements, or undefined for what has none. */
export function sizeOf(value: Value, budget: Budget): number | undefined {
  const text = textOf(value)
  if (text !== undefined) return countCharacters(text, budget)
  if (isList(value) || value instanceof Range) return value.length
  if (value instanceof Tuple) return value.items.length
  if (value instanceof Dict) return value.size
  if (value instanceof DictView) return value.dict.size
  return value instanceof Undefined ? 0 : undefined
}
