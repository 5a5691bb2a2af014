import { quote, type Refuse } from '../errors.js'
import { type DictNode, describe, isNode, type PickleValue } from '../pickle/values.js'
import { isTensor } from './check-data-fields.js'
import { type Publisher, publishObject, publishTensor } from './publish-value.js'
import type { TorchObject, TorchScalar, TorchTensor } from './torch-value.js'

/** Keys under which training loops put the state dict. */
const WRAPPING_KEYS = ['state_dict', 'model_state_dict', 'model', 'module']

export interface StateDict {
  readonly entries: ReadonlyMap<string, TorchTensor | TorchObject>
  readonly scalars: ReadonlyMap<string, TorchScalar>
}

/**
 * The tensors of a file. The top level is a dict of tensors and plain values, or one whose only dict, under a key that training loops
 * use, is such a dict. Anything else (optimizer states, lists of models) is refused.
 */
export function publishStateDict(top: PickleValue, publisher: Publisher): StateDict {
  const { refuse } = publisher
  const outer = asDict(top)
  if (!outer) return refuse('STATE_DICT_BAD', `the file holds ${describe(top)}, expected a dict of tensors`)
  const scalars = new Map<string, TorchScalar>()
  const tensors = new Map<string, PickleValue>()
  const wrapped = sortEntries(outer, scalars, tensors, refuse)
  if (wrapped !== undefined) {
    if (tensors.size > 0) {
      refuse(
        'STATE_DICT_BAD',
        `the dict under ${quote(wrapped.key)} stands beside tensors; which ones are meant?`,
      )
    }
    const inner = sortEntries(wrapped.dict, scalars, tensors, refuse)
    if (inner) refuse('STATE_DICT_BAD', `${quote(inner.key)} in ${quote(wrapped.key)} is one more dict`)
  }
  return { entries: publishEntries(tensors, publisher), scalars }
}

/** Fills the two maps and returns the wrapped state dict, if there is one. */
function sortEntries(
  dict: DictNode,
  scalars: Map<string, TorchScalar>,
  tensors: Map<string, PickleValue>,
  refuse: Refuse,
): { readonly key: string; readonly dict: DictNode } | undefined {
  let wrapped: { key: string; dict: DictNode } | undefined
  for (const [key, value] of dict.entries) {
    if (typeof key !== 'string') {
      return refuse('STATE_DICT_BAD', `the key ${key} is a number, expected the name of a tensor`)
    }
    const inner = asDict(value)
    if (isTensor(value)) tensors.set(key, value)
    else if (!isNode(value)) scalars.set(key, value)
    else if (inner && wrapped === undefined && WRAPPING_KEYS.includes(key)) wrapped = { key, dict: inner }
    else refuse('STATE_DICT_BAD', `${quote(key)} is ${describe(value)}, expected a tensor`, { tensor: key })
  }
  return wrapped
}

function publishEntries(
  tensors: ReadonlyMap<string, PickleValue>,
  publisher: Publisher,
): Map<string, TorchTensor | TorchObject> {
  const entries = new Map<string, TorchTensor | TorchObject>()
  for (const [name, node] of tensors) {
    if (!isNode(node) || node.kind !== 'object') continue
    if (node.value.kind === 'tensor') entries.set(name, publishTensor(node.value, name, publisher))
    else if (node.value.kind === 'object') entries.set(name, publishObject(node.value, name, publisher))
  }
  return entries
}

function asDict(value: PickleValue): DictNode | undefined {
  return isNode(value) && value.kind === 'dict' ? value : undefined
}
