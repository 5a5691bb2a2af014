import type { FieldTensor, FieldValue, StoredObject } from '@hfquant/core'
import { dtypeValue, enumValue, objectValue, TORCH_DTYPES, type Value } from '../encoding/values.js'
import { badAttribute } from '../tensors/document-fields.js'

/** Enumerations whose members torchao writes into a header as their value, not as a member. */
const PLAIN_ENUMS = ['IntxUnpackedToInt8TensorActivationQuantization']

/**
 * A field of a pickled object as the header of a safetensors file would hold it. Classes lose their module: the header
 * names them without.
 *
 * @throws CheckpointError TENSOR_DOCUMENT_INVALID for what no header can hold: tensors, functions, bytes.
 */
export function fieldValue<Tensor extends FieldTensor>(
  value: FieldValue<Tensor>,
  tensor: string,
  field: string,
): Value {
  const inner = (item: FieldValue<Tensor>, name: string | number) =>
    fieldValue(item, tensor, `${field}.${name}`)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (isList<Tensor>(value)) return value.map(inner)
  if (typeof value === 'object' && 'kind' in value) {
    switch (value.kind) {
      case 'enum': {
        const type = lastSegment(value.className)
        return PLAIN_ENUMS.includes(type) ? value.value : enumValue(type, value.member)
      }
      case 'dtype': {
        const known = TORCH_DTYPES.find((name) => name === value.name)
        if (known !== undefined) return dtypeValue(known)
        break
      }
      case 'object': {
        const { className, fields, presents } = value as StoredObject<Tensor>
        if (presents !== undefined) break
        const entries = [...fields].map(([name, item]) => [name, inner(item, name)] as const)
        return objectValue(lastSegment(className), Object.fromEntries(entries))
      }
    }
  }
  throw badAttribute(tensor, field, kindOf(value), 'a plain value, a dtype, an enumeration or settings')
}

/** A tensor that stands in a field by itself. */
export function fieldTensor<Tensor extends FieldTensor>(
  value: FieldValue<Tensor> | undefined,
): Tensor | undefined {
  const isTensor = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor'
  return isTensor ? (value as Tensor) : undefined
}

/** An object that stands in a field by itself. */
export function fieldObject<Tensor extends FieldTensor>(
  value: FieldValue<Tensor> | undefined,
): StoredObject<Tensor> | undefined {
  const isObject = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'object'
  return isObject ? (value as StoredObject<Tensor>) : undefined
}

/** "Int8Tensor" of "torchao.quantization.Int8Tensor". */
export const lastSegment = (className: string): string => className.slice(className.lastIndexOf('.') + 1)

const isList = <Tensor extends FieldTensor>(
  value: FieldValue<Tensor>,
): value is readonly FieldValue<Tensor>[] => Array.isArray(value)

const kindOf = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return String(value)
  return 'kind' in value ? `a ${value.kind}` : value instanceof Map ? 'a dict' : 'bytes'
}
