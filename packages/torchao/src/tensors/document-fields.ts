import { CheckpointError, type FloatDtype } from '@hfquant/core'
import { type Fields, isTagged, type Value } from '../encoding/values.js'

export const FLOAT_DTYPES: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

/** Dtype that a tensor presents to the model; `readDocument` has checked it. */
export const presentedDtype = ({ dtype }: Fields): FloatDtype => dtypeName(dtype) as FloatDtype

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
    `the header says of "${tensor}" that ${attribute} is ${shown}, expected ${expected}`,
    { tensor, field: attribute, found, expected, hint: DAMAGED },
  )
}

export const DAMAGED = 'The header is damaged, or another tool wrote it; quantize the float model again.'
