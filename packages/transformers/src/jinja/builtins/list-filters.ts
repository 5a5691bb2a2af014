import { binary } from '../arithmetic.js'
import type { Budget } from '../budget.js'
import { compare } from '../comparison.js'
import { iterate, scannedKey, sizeOf } from '../containers.js'
import { TemplateFailure } from '../failure.js'
import { str } from '../text/repr.js'
import {
  type CallArguments,
  Dict,
  DictView,
  Generator,
  isList,
  isTrue,
  isWhole,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from '../values.js'
import {
  type Builtin,
  define,
  given,
  type Runtime,
  textArgument,
  trueArgument,
  wholeArgument,
} from './builtin.js'

const length = define('', (value, _args, { budget }) => {
  const size = sizeOf(value, budget)
  if (size === undefined) throw new TemplateFailure(`object of type '${typeName(value)}' has no len()`)
  return BigInt(size)
})

/** Filters that take or give several values. */
export const LIST_FILTERS: { readonly [name: string]: Builtin } = {
  attr: define('name', (value, [name], { getItem }) => {
    // An element of a dict is no attribute.
    return value instanceof Dict ? new Undefined(`no attribute ${textArgument(name)}`) : getItem(value, name!)
  }),
  batch: define(
    'linecount fill_with?',
    (value, [count, fill], { budget }) =>
      new Generator(batches(iterate(value, budget), wholeArgument(count, 0), given(fill), budget)),
  ),
  count: length,
  dictsort: define('case_sensitive? by? reverse?', (value, [sensitive, by, reverse], { budget }) => {
    const position = ['key', 'value'].indexOf(by === undefined ? 'key' : textArgument(by))
    if (position < 0) throw new TemplateFailure('You can only sort by either "key" or "value"')
    const key = (item: Value) => fold((item as Tuple).items[position]!, trueArgument(sensitive), budget)
    return sorted([...new DictView(dictOf(value), 'items')], key, trueArgument(reverse), budget)
  }),
  first: define('', (value, _args, { budget }) => {
    for (const item of iterate(value, budget)) return item
    return new Undefined('No first item, sequence was empty.')
  }),
  groupby: define('attribute default? case_sensitive?', (value, [attribute, usual, sensitive], runtime) => {
    const { budget } = runtime
    const look = lookUp(attribute!, runtime, given(usual))
    const key = (item: Value) => fold(look(item), trueArgument(sensitive), budget)
    const groups: Value[][] = []
    let last: Value | undefined
    for (const item of sorted([...iterate(value, budget)], key, false, budget)) {
      const current = key(item)
      if (last === undefined || compare(last, current, budget) !== 0) groups.push([])
      groups.at(-1)!.push(item)
      last = current
    }
    return groups.map((items) => new Tuple([look(items[0]!), items], ['grouper', 'list']))
  }),
  items: define('', (value) => {
    if (value instanceof Undefined) return new Generator([].values())
    return new Generator(new DictView(dictOf(value), 'items')[Symbol.iterator]())
  }),
  join: define('d? attribute?', (value, [between, attribute], runtime) => {
    const { budget } = runtime
    const look = given(attribute) === undefined ? (item: Value) => item : lookUp(attribute!, runtime)
    const parts = [...iterate(value, budget)].map((item) => str(look(item), budget))
    const separator = between === undefined ? '' : str(between, budget)
    budget.text(parts.reduce((sum, part) => sum + part.length + separator.length, 0))
    return parts.join(separator)
  }),
  last: define('', (value, _args, { budget }) => {
    const item = reversible(value, budget).at(-1)
    return item === undefined ? new Undefined('No last item, sequence was empty.') : item
  }),
  length,
  list: define('', (value, _args, { budget }) => [...iterate(value, budget)]),
  map: (runtime, value, args) => new Generator(mapped(value, mapping(args, runtime), runtime)),
  max: extreme(1),
  min: extreme(-1),
  reject: selection(false, false),
  rejectattr: selection(false, true),
  reverse: define('', (value, _args, { budget }) => {
    const items = [...iterate(reversible(value, budget), budget)].reverse()
    return textOf(value) === undefined ? new Generator(items[Symbol.iterator]()) : items.join('')
  }),
  select: selection(true, false),
  selectattr: selection(true, true),
  slice: define(
    'slices fill_with?',
    (value, [slices, fill], { budget }) =>
      new Generator(columns([...iterate(value, budget)], wholeArgument(slices, 0), given(fill), budget)),
  ),
  sort: define('reverse? case_sensitive? attribute?', (value, [reverse, sensitive, attribute], runtime) => {
    const paths = textOf(attribute ?? null)?.split(',') ?? [given(attribute) ?? '']
    const looks = paths.map((path) =>
      given(attribute) === undefined ? (item: Value) => item : lookUp(path, runtime),
    )
    const keys = (item: Value) =>
      looks.map((look) => fold(look(item), trueArgument(sensitive), runtime.budget))
    const key = (item: Value): Value => (looks.length === 1 ? keys(item)[0]! : keys(item))
    return sorted([...iterate(value, runtime.budget)], key, trueArgument(reverse), runtime.budget)
  }),
  sum: define('attribute? start?', (value, [attribute, start], runtime) => {
    const look = given(attribute) === undefined ? (item: Value) => item : lookUp(attribute!, runtime)
    if (textOf(start ?? null) !== undefined) throw new TemplateFailure("sum() can't sum strings")
    let sum: Value = start ?? 0n
    for (const item of iterate(value, runtime.budget)) sum = binary('+', sum, look(item), runtime.budget)
    return sum
  }),
  unique: define('case_sensitive? attribute?', (value, [sensitive, attribute], runtime) => {
    const look = given(attribute) === undefined ? (item: Value) => item : lookUp(attribute!, runtime)
    return new Generator(
      unique(iterate(value, runtime.budget), (item) =>
        scannedKey(fold(look(item), trueArgument(sensitive), runtime.budget), runtime.budget),
      ),
    )
  }),
}

/** Texts compare without regard to capitals, unless asked otherwise. */
function fold(value: Value, sensitive: boolean, budget: Budget): Value {
  const text = sensitive ? undefined : textOf(value)
  if (text === undefined) return value
  budget.text(text.length)
  return text.toLowerCase()
}

/** Follows a path such as "function.name" or "arguments.0" from an item. */
function lookUp(path: Value, { getItem, budget }: Runtime, usual?: Value): (item: Value) => Value {
  const text = textOf(path)
  budget.step(text?.length ?? 0)
  const keys =
    text === undefined ? [path] : text.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
  return (item) =>
    keys.reduce<Value>((value, key) => {
      budget.step()
      const found = getItem(value, key)
      return usual !== undefined && found instanceof Undefined ? usual : found
    }, item)
}

function dictOf(value: Value): Dict {
  if (value instanceof Dict) return value
  if (value instanceof Undefined) value.fail()
  throw new TemplateFailure('Can only get item pairs from a mapping.')
}

function sorted(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: boolean,
  budget: Budget,
): Value[] {
  const keyed = items.map((item) => [key(item), item] as const)
  const sign = reverse ? -1 : 1
  return keyed.sort(([a], [b]) => sign * compare(a, b, budget)).map(([, item]) => item)
}

/** The elements of what can be read from its end; generators cannot. */
function reversible(value: Value, budget: Budget): readonly Value[] {
  if (value instanceof Generator || isWhole(value)) {
    throw new TemplateFailure(`'${typeName(value)}' object is not reversible`)
  }
  return isList(value) ? value : [...iterate(value, budget)]
}

function extreme(sign: 1 | -1): Builtin {
  return define('case_sensitive? attribute?', (value, [sensitive, attribute], runtime) => {
    const look = given(attribute) === undefined ? (item: Value) => item : lookUp(attribute!, runtime)
    let best: readonly [key: Value, item: Value] | undefined
    for (const item of iterate(value, runtime.budget)) {
      const key = fold(look(item), trueArgument(sensitive), runtime.budget)
      if (best === undefined || sign * compare(key, best[0], runtime.budget) > 0) best = [key, item]
    }
    return best === undefined ? new Undefined('No aggregated item, sequence was empty.') : best[1]
  })
}

/** `select` and its relatives: items that pass a test, or the truth of them or of an attribute. */
function selection(keeps: boolean, byAttribute: boolean): Builtin {
  return (runtime, value, args) => new Generator(selected(value, args, runtime, keeps, byAttribute))
}

function* selected(
  value: Value,
  { positional, keywords }: CallArguments,
  runtime: Runtime,
  keeps: boolean,
  byAttribute: boolean,
): Iterator<Value> {
  if (!isTrue(value)) return
  const [attribute, ...rest] = byAttribute ? positional : [null, ...positional]
  if (attribute === undefined) throw new TemplateFailure('Missing parameter for attribute name')
  const look = byAttribute ? lookUp(attribute, runtime) : (item: Value) => item
  const [test, ...others] = rest
  const passes = (item: Value) =>
    test === undefined
      ? isTrue(item)
      : runtime.test(textArgument(test), item, { positional: others, keywords })
  for (const item of iterate(value, runtime.budget)) if (passes(look(item)) === keeps) yield item
}

function mapping({ positional, keywords }: CallArguments, runtime: Runtime): (item: Value) => Value {
  const attribute = keywords.get('attribute')
  if (positional.length === 0 && attribute !== undefined) {
    const unknown = [...keywords.keys()].find((name) => name !== 'attribute' && name !== 'default')
    if (unknown !== undefined) throw new TemplateFailure(`Unexpected keyword argument '${unknown}'`)
    return lookUp(attribute, runtime, given(keywords.get('default')))
  }
  const [name, ...rest] = positional
  if (name === undefined) throw new TemplateFailure('map requires a filter argument')
  return (item) => runtime.filter(textArgument(name), item, { positional: rest, keywords })
}

function* mapped(value: Value, change: (item: Value) => Value, { budget }: Runtime): Iterator<Value> {
  if (!isTrue(value)) return
  for (const item of iterate(value, budget)) yield change(item)
}

function* unique(items: Iterable<Value>, keyOf: (item: Value) => Value): Iterator<Value> {
  const seen = new Dict()
  for (const item of items) {
    const key = keyOf(item)
    if (seen.get(key) !== undefined) continue
    seen.set(key, true)
    yield item
  }
}

function* batches(
  items: Iterable<Value>,
  count: number,
  fill: Value | undefined,
  budget: Budget,
): Iterator<Value> {
  let batch: Value[] = []
  for (const item of items) {
    if (batch.length === count) {
      yield batch
      batch = []
    }
    batch.push(item)
  }
  if (batch.length === 0) return
  const missing = fill === undefined ? 0 : Math.max(0, count - batch.length)
  budget.step(missing)
  yield [...batch, ...Array.from({ length: missing }, () => fill!)]
}

function* columns(
  items: readonly Value[],
  count: number,
  fill: Value | undefined,
  budget: Budget,
): Iterator<Value> {
  if (count === 0) throw new TemplateFailure('integer division or modulo by zero')
  const [each, longer] = [Math.floor(items.length / count), items.length % count]
  let start = 0
  for (let column = 0; column < count; column++) {
    budget.step()
    const end = start + each + (column < longer ? 1 : 0)
    const part = items.slice(start, end)
    yield fill !== undefined && column >= longer ? [...part, fill] : part
    start = end
  }
}
