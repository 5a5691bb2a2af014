import type { FieldTensor, StoredObject } from '@hfquant/core'
import { dtypeValue, type Fields, TORCH_DTYPES, type Value } from '../encoding/values.js'
import { badAttribute } from '../tensors/document-fields.js'
import { findTensorClass } from '../tensors/tensor-classes.js'
import { fieldTensor, fieldValue, lastSegment } from './field-value.js'
import type { FlatObject } from './flatten-objects.js'

/**
 * A tensor subclass of version 2: each field that holds a tensor is a part, the others are attributes. A field that
 * the class does not know is left for the reader of the document to refuse, which names it.
 *
 * @throws CapabilityError for a class that cannot be loaded; CheckpointError for attributes without a meaning.
 */
export function flattenSubclass<Tensor extends FieldTensor>(
  object: StoredObject<Tensor>,
): FlatObject<Tensor> {
  const { name, className, fields, presents } = object
  const type = lastSegment(className)
  const known = findTensorClass(type, name)
  const dataNames = [...fields]
    .filter(([, value]) => fieldTensor(value) !== undefined)
    .map(([field]) => field)
  // The order in which torchao writes them: optional ones first.
  const inOrder = [...known.optionalData, ...known.requiredData, ...dataNames]
  const parts = [...new Set(inOrder)].flatMap((dataName) => {
    const source = fieldTensor(fields.get(dataName))
    return source === undefined
      ? []
      : [[dataName, { source, dtype: source.dtype, shape: source.shape }] as const]
  })
  const attributes: Record<string, Value> = {}
  for (const attribute of known.attributes) {
    const value = fields.get(attribute)
    if (value !== undefined) attributes[attribute] = fieldValue(value, name, attribute)
    else if (attribute === 'dtype' && presents !== undefined)
      attributes.dtype = presentedDtype(name, presents.dtype)
    // Some classes keep their size among their attributes and yet pickle it as that of the tensor.
    else if (attribute === 'shape' && presents !== undefined) attributes.shape = [...presents.shape]
  }
  for (const [field, value] of fields) {
    if (value === null || known.attributes.includes(field) || dataNames.includes(field)) continue
    throw badAttribute(name, field, fieldValue(value, name, field), known.attributes.join(', '))
  }
  return {
    document: { type, fields: attributes satisfies Fields, dataNames: parts.map(([dataName]) => dataName) },
    parts: new Map(parts),
  }
}

/** The dtype that a tensor shows to the model; the class itself says which ones it allows. */
export function presentedDtype(tensor: string, dtype: string): Value {
  const known = TORCH_DTYPES.find((name) => name === dtype)
  if (known === undefined) throw badAttribute(tensor, 'dtype', dtype, TORCH_DTYPES.join(', '))
  return dtypeValue(known)
}
