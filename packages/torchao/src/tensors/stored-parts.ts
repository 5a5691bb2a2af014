import {
  type FloatDtype,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import type { ScaleBlock } from '../configs/granularity.js'
import { badAttribute } from './document-fields.js'
import { componentKey, type TensorDocument } from './torchao-format.js'

/** A stored weight: what its document says, and the tensors that the document names. */
export interface StoredParts {
  /** Original name, "model.layers.0.mlp.up_proj.weight". */
  readonly tensor: string
  readonly weight: WeightInfo
  readonly document: TensorDocument
  /** By the keys of components. */
  readonly tensors: StoredTensors
  /** Whether the document names a part: "zero_point". */
  has(dataName: string): boolean
}

/** @throws CheckpointError TENSOR_MISSING for a part that no file holds. */
export function openParts(
  document: TensorDocument,
  weight: WeightInfo,
  stored: StoredWeight,
  tensor: string,
): StoredParts {
  const prefix = tensor.slice(0, tensor.lastIndexOf('.'))
  const tensors = storedTensors(weight, stored, (key) => `${prefix}.${key}`)
  for (const name of document.dataNames) tensors.part(componentKey(name))
  return { tensor, weight, document, tensors, has: (name) => document.dataNames.includes(name) }
}

/**
 * `block_size` of a weight with K columns: [1, g] with g dividing K, and [N, K] for one scale in all where
 * `shared` allows it.
 */
export function readBlock({ document, weight, tensor }: StoredParts, shared: boolean): ScaleBlock {
  const block: unknown = document.fields.block_size
  const { outFeatures, inFeatures } = weight
  const [rows, columns] = Array.isArray(block) && block.length === 2 ? (block as unknown[]) : []
  const whole = rows === outFeatures && columns === inFeatures && outFeatures > 1
  if (shared && whole) return { groupSize: inFeatures, shared: true }
  const fits =
    rows === 1 &&
    typeof columns === 'number' &&
    Number.isSafeInteger(columns) &&
    columns > 0 &&
    inFeatures % columns === 0
  if (fits) return { groupSize: columns, shared: false }
  const expected = `[1, a divisor of ${inFeatures}]${shared ? ` or [${outFeatures}, ${inFeatures}]` : ''}`
  throw badAttribute(tensor, 'block_size', block, expected)
}

export const FLOAT_SCALES: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

/** A float tensor of the shape, all of it finite. @throws CheckpointError TENSOR_MISMATCH or TENSOR_NOT_FINITE. */
export async function expectFinite(
  { tensors }: StoredParts,
  key: string,
  dtypes: readonly FloatDtype[],
  shape: readonly number[],
): Promise<FloatDtype> {
  const { dtype } = tensors.expect(key, dtypes, shape)
  await tensors.finite(key)
  return dtype as FloatDtype
}

/** @throws CheckpointError CODE_OUT_OF_RANGE for a zero point that is no code. */
export async function readZeroPoints(
  { tensors }: StoredParts,
  key: string,
  bits: number,
): Promise<'zeros' | 'values'> {
  if (tensors.trusted) return 'zeros'
  const bytes = await tensors.read(key)
  const zeros = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const half = 2 ** (bits - 1)
  const at = zeros.findIndex((zero) => zero < -half || zero >= half)
  if (at < 0) return zeros.every((zero) => zero === 0) ? 'zeros' : 'values'
  const expected = `${-half} to ${half - 1}`
  throw tensors.damaged('CODE_OUT_OF_RANGE', key, { found: zeros[at]!, at, expected })
}
