import type { Refuse } from '../errors.js'
import { type Budget, DICT_BYTES, ENTRY_BYTES, ITEM_BYTES, NODE_BYTES } from '../pickle/budget.js'
import { describe, isNode, type PickleNode, type PickleValue } from '../pickle/values.js'
import type { TorchFile } from '../read/torch-file.js'
import { dtypeBytes } from './dtypes.js'
import type { ClassInstance, StorageRef, StridedTensor } from './rebuilt.js'
import { elementCount, isContiguous } from './strided-layout.js'
import type { TorchObject, TorchTensor, TorchValue } from './torch-value.js'

export interface Publisher {
  readonly file: TorchFile
  readonly refuse: Refuse
  readonly budget: Budget
  /** Position in the file of the first byte of a storage. */
  locate(storage: StorageRef): number
}

/**
 * The public form of a value of the pickle. Shared values are copied, because names differ; the budget and the limit of depth
 * bound how much that can be.
 */
function publishValue(value: PickleValue, name: string, publisher: Publisher): TorchValue {
  return isNode(value) ? publishNode(value, name, publisher) : value
}

function publishNode(node: PickleNode, name: string, publisher: Publisher): TorchValue {
  const { budget, refuse } = publisher
  switch (node.kind) {
    case 'tuple':
    case 'list':
      budget.charge(NODE_BYTES + ITEM_BYTES * node.items.length)
      return Object.freeze(node.items.map((item, index) => publishValue(item, `${name}.${index}`, publisher)))
    case 'dict': {
      budget.charge(DICT_BYTES + ENTRY_BYTES * node.entries.size)
      const entries = [...node.entries]
      return new Map(entries.map(([key, item]) => [key, publishValue(item, `${name}.${key}`, publisher)]))
    }
    case 'global': {
      const { meaning } = node.global
      if (meaning.kind === 'dtype') return Object.freeze({ kind: 'dtype', name: meaning.dtype })
      if (meaning.kind === 'function') return Object.freeze({ kind: 'function', name: node.global.name })
      break
    }
    case 'object':
      budget.charge(2 * NODE_BYTES)
      switch (node.value.kind) {
        case 'tensor':
          return publishTensor(node.value, name, publisher)
        case 'object':
          return publishObject(node.value, name, publisher)
        case 'enum':
        case 'token':
          return Object.freeze(node.value)
        case 'storage':
          break
      }
  }
  return refuse('OBJECT_BAD', `${describe(node)} stands where a value belongs`, { tensor: name })
}

export function publishTensor(
  { storage, dtype, shape, stride, offset }: StridedTensor,
  name: string,
  { file, locate, budget }: Publisher,
): TorchTensor {
  budget.charge(2 * NODE_BYTES + 2 * name.length)
  const itemBytes = dtypeBytes(dtype)
  return Object.freeze({
    kind: 'tensor',
    name,
    dtype,
    shape,
    stride,
    isContiguous: isContiguous(shape, stride),
    file,
    byteOffset: locate(storage) + offset * itemBytes,
    byteLength: elementCount(shape) * itemBytes,
    storageKey: storage.key,
  })
}

export function publishObject(
  { className, fields = new Map(), presents }: ClassInstance,
  name: string,
  publisher: Publisher,
): TorchObject {
  publisher.budget.charge(DICT_BYTES + ENTRY_BYTES * fields.size + 2 * name.length)
  const published = [...fields].map(
    ([field, value]) => [field, publishValue(value, `${name}.${field}`, publisher)] as const,
  )
  return Object.freeze({ kind: 'object', name, className, fields: new Map(published), presents })
}
