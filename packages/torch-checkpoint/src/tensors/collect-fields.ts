import { quote, quoteDotted } from '../errors.js'
import { DICT_BYTES, ENTRY_BYTES } from '../pickle/budget.js'
import { type CallContext, type DictNode, describe, isNode, type PickleValue } from '../pickle/values.js'

/**
 * The known fields of a state, in its order. Unknown ones with plain values are what newer versions add (`_is_param`, `version`)
 * and are dropped; unknown ones that hold something could change the meaning and are refused.
 */
export function collectFields(
  state: DictNode,
  { name, known }: { readonly name: string; readonly known: readonly string[] },
  { refuse, budget }: CallContext,
): Map<string, PickleValue> {
  const fields = new Map<string, PickleValue>()
  // A shared state could be passed a million times.
  budget.charge(DICT_BYTES + ENTRY_BYTES * state.entries.size)
  for (const [field, value] of state.entries) {
    if (typeof field === 'string' && known.includes(field)) fields.set(field, value)
    else if (isNode(value)) {
      const owner = name.includes(' ') ? name : quoteDotted(name)
      refuse(
        'OBJECT_BAD',
        `${owner} has the unknown field ${quote(String(field))}, which holds ${describe(value)}`,
      )
    }
  }
  return fields
}
