import type { Runtime } from './builtins/builtin.js'
import { textArgument } from './builtins/builtin.js'
import { iterate, scannedKey } from './containers.js'
import { TemplateFailure } from './failure.js'
import { bind } from './signature.js'
import { str } from './text/repr.js'
import { strftime } from './text/strftime.js'
import {
  type CallArguments,
  Callable,
  Dict,
  Instance,
  isList,
  isWhole,
  Namespace,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** As in Jinja's sandbox. */
const MAX_RANGE = 100_000

/** The functions that every template can call: Jinja's, and those that transformers adds. */
export function createGlobals(now: Date, budget: Runtime['budget']): Map<string, Value> {
  const functions: { readonly [name: string]: (args: CallArguments) => Value } = {
    range: (args) => makeRange(args),
    dict: ({ positional, keywords }) => new Dict([...pairsOf(positional[0], budget), ...keywords]),
    namespace: ({ positional, keywords }) =>
      new Namespace(
        [...pairsOf(positional[0], budget), ...keywords].map(
          ([key, value]) => [str(key, budget), value] as const,
        ),
      ),
    cycler: ({ positional }) => new Cycler(positional),
    joiner: (args) => {
      const [separator] = bind('joiner', 'sep?', args)
      let used = false
      return new Callable('joiner', () => {
        const text = used ? (separator ?? ', ') : ''
        used = true
        return text
      })
    },
    raise_exception: (args) => {
      const [message] = bind('raise_exception', 'message', args)
      throw new TemplateFailure(str(message!, budget), 'refused')
    },
    strftime_now: (args) => {
      const [format] = bind('strftime_now', 'format', args)
      return strftime(now, textArgument(format), budget)
    },
  }
  return new Map(Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]))
}

function makeRange({ positional }: CallArguments): Range {
  const numbers = positional.map((value) => {
    if (value instanceof Undefined) value.fail()
    if (!isWhole(value))
      throw new TemplateFailure(`'${typeName(value)}' object cannot be interpreted as an integer`)
    return Number(value)
  })
  if (numbers.length < 1 || numbers.length > 3) throw new TemplateFailure('range expects 1 to 3 arguments')
  const [start, stop, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1]
  if (step === 0) throw new TemplateFailure('range() arg 3 must not be zero')
  const range = new Range(start, stop, step)
  if (!(range.length <= MAX_RANGE)) {
    throw new TemplateFailure(`a range has ${range.length} elements, the limit is ${MAX_RANGE}`)
  }
  return range
}

/** The pairs of a dict, or of a list of pairs. */
function* pairsOf(value: Value | undefined, budget: Runtime['budget']): Iterable<readonly [Value, Value]> {
  if (value === undefined) return
  if (value instanceof Dict) {
    budget.step(value.size)
    return yield* value.entries()
  }
  for (const pair of iterate(value, budget)) {
    const items = pair instanceof Tuple ? pair.items : isList(pair) ? pair : [...iterate(pair, budget)]
    if (items.length !== 2) throw new TemplateFailure('a dict is made of pairs')
    yield [scannedKey(items[0]!, budget), items[1]!]
  }
}

class Cycler extends Instance {
  override readonly typeName = 'Cycler'
  readonly #items: readonly Value[]
  #at = 0

  constructor(items: readonly Value[]) {
    super()
    if (items.length === 0) throw new TemplateFailure('at least one item has to be provided')
    this.#items = items
  }

  override attribute(name: string): Value | undefined {
    if (name === 'current') return this.#items[this.#at]!
    if (name === 'next') return new Callable(name, () => this.#next())
    if (name !== 'reset') return undefined
    return new Callable(name, () => {
      this.#at = 0
      return null
    })
  }

  #next(): Value {
    const item = this.#items[this.#at]!
    this.#at = (this.#at + 1) % this.#items.length
    return item
  }
}
