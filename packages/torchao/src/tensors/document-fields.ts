import { CheckpointError, type FloatDtype } from '@hfquant/core'
import { type Fields, isTagged, type Value } from '../encoding/values.js'

export const FLOAT_DTYPES: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

/** The dtype that a tensor presents to the model must be one that a model has. */
export function expectFloatDtype({ dtype }: Fields, tensor: string): void {
  if (FLOAT_DTYPES.some((float) => float === dtypeName(dtype))) return
  throw badAttribute(tensor, 'dtype', dtype, FLOAT_DTYPES.join(', '))
}

export const dtypeName = (value: Value | undefined): string | undefined =>
  isTagged(value) && value.kind === 'dtype' ? value.name : undefined

/** An attribute in a tensor's document that its class does not allow. */
export function badAttribute(
  tensor: string,
  attribute: string,
  found: unknown,
  expected: string,
): CheckpointError {
  const shown = (JSON.stringify(found) ?? 'absent').slice(0, 200)
  return new CheckpointError(
    'TENSOR_DOCUMENT_INVALID',
    `the file says of "${tensor}" that ${attribute} is ${shown}, expected ${expected}`,
    { tensor, field: attribute, found, expected, hint: DAMAGED },
  )
}

export const DAMAGED = 'The file is damaged, or another tool wrote it; quantize the float model again.'
