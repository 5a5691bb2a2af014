import { quote, type Refuse } from '../errors.js'
import { describe, isNode, type PickleValue } from '../pickle/values.js'

/** Fields that hold tensors hold nothing else; None stands for an optional one that is missing. */
export function checkDataFields(
  className: string,
  data: readonly string[],
  fields: ReadonlyMap<string, PickleValue>,
  refuse: Refuse,
): void {
  for (const field of data) {
    const value = fields.get(field) ?? null
    if (value !== null && !isTensor(value)) {
      refuse(
        'OBJECT_BAD',
        `field ${quote(field)} of ${className} holds ${describe(value)}, expected a tensor`,
      )
    }
  }
}

/** Whether a value is a plain tensor or a tensor subclass. */
export function isTensor(value: PickleValue): boolean {
  if (!isNode(value) || value.kind !== 'object') return false
  return (
    value.value.kind === 'tensor' || (value.value.kind === 'object' && value.value.presents !== undefined)
  )
}
