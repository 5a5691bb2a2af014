import {
  describePart,
  elementCount,
  incompleteFormat,
  type QuantizedFormat,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import { ABS_MAX, CODES, int8Format, WEIGHT_FORMAT } from './int8-format.js'

/**
 * The format of a stored int8 weight.
 *
 * @throws CheckpointError TENSOR_MISMATCH, TENSOR_NOT_FINITE, or WEIGHT_FORMAT_UNSUPPORTED for tiled codes.
 */
export async function storedInt8Format(
  weight: WeightInfo,
  stored: StoredWeight,
  threshold: number,
): Promise<QuantizedFormat> {
  const { outFeatures, inFeatures } = weight
  const tensors = storedTensors(weight, stored)
  const missing = [CODES, ABS_MAX].find((key) => !tensors.has(key))
  if (missing !== undefined) return incompleteFormat(missing)
  if (tensors.has(WEIGHT_FORMAT)) await checkLayout(tensors)
  tensors.expect(CODES, ['int8'], [outFeatures, inFeatures])
  tensors.expect(ABS_MAX, ['float32'], [outFeatures])
  await tensors.finite(ABS_MAX)
  const components = [
    tensors.component(CODES),
    tensors.component(ABS_MAX),
    ...(tensors.has(WEIGHT_FORMAT) ? [tensors.component(WEIGHT_FORMAT, 'whole')] : []),
  ]
  return int8Format(components, threshold)
}

const LAYOUTS = ['row', 'col32', 'col_turing', 'col_ampere']

async function checkLayout(tensors: StoredTensors): Promise<void> {
  const part = tensors.part(WEIGHT_FORMAT)
  if (part.dtype !== 'uint8' || elementCount(part.shape) !== 1) {
    throw tensors.mismatch(WEIGHT_FORMAT, { found: describePart(part), expected: 'uint8 []' })
  }
  const [found] = await tensors.read(WEIGHT_FORMAT)
  if (found === 0) return
  throw tensors.wrong(
    'WEIGHT_FORMAT_UNSUPPORTED',
    WEIGHT_FORMAT,
    `is ${found} (${LAYOUTS[found!] ?? 'unknown'}), expected 0 (row)`,
    {
      ...{ found, expected: 0 },
      hint: 'The codes are tiled for an old GPU library; load and save the model with bitsandbytes 0.45 first.',
    },
  )
}
