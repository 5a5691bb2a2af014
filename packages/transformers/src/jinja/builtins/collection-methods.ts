import { equal } from '../comparison.js'
import { scannedKey } from '../containers.js'
import { TemplateFailure } from '../failure.js'
import { repr } from '../text/repr.js'
import { type Dict, DictView, type Value } from '../values.js'
import { type Builtin, define, wholeArgument } from './builtin.js'

/** Methods of dict that change nothing. */
export const DICT_METHODS: { readonly [name: string]: Builtin<Dict> } = {
  // Nothing can change a dict, so that no other one is needed.
  copy: define('', (dict: Dict) => dict),
  get: define('key default?', (dict: Dict, [key, usual], { budget }) => {
    const value = dict.get(scannedKey(key!, budget))
    if (value !== undefined) return value
    return usual === undefined ? null : usual
  }),
  items: define('', (dict: Dict) => new DictView(dict, 'items')),
  keys: define('', (dict: Dict) => new DictView(dict, 'keys')),
  values: define('', (dict: Dict) => new DictView(dict, 'values')),
}

/** Methods of list and tuple that change nothing; `copy` is one of list alone. */
export const LIST_METHODS: { readonly [name: string]: Builtin<readonly Value[]> } = {
  copy: define('', (items: readonly Value[]) => items),
  count: define('value', (items: readonly Value[], [value], { budget }) =>
    BigInt(items.filter((item) => equal(item, value!, budget)).length),
  ),
  index: define('value start? stop?', (items: readonly Value[], [value, start, stop], { budget }) => {
    const clamp = (index: number) => (index < 0 ? Math.max(0, index + items.length) : index)
    const [from, to] = [clamp(wholeArgument(start, 0)), clamp(wholeArgument(stop, items.length))]
    for (let at = from; at < Math.min(to, items.length); at++) {
      if (equal(items[at]!, value!, budget)) return BigInt(at)
    }
    throw new TemplateFailure(`${repr(value!, budget)} is not in list`)
  }),
}

/** Methods that change a list or a dict: the sandbox of transformers forbids them. */
export const CHANGING_METHODS: { readonly list: readonly string[]; readonly dict: readonly string[] } = {
  list: ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
}
