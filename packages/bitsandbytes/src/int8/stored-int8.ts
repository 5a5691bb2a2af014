import {
  CheckpointError,
  elementCount,
  type QuantizedFormat,
  type StoredWeight,
  type WeightInfo,
} from '@hfquant/core'
import {
  componentOf,
  describe,
  expectPart,
  incompleteFormat,
  mismatch,
  readFinite,
  type StoredPart,
  storedPart,
} from '../stored-part.js'
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
  const { path, outFeatures, inFeatures } = weight
  const codes = storedPart(stored, path, CODES)
  const absMax = storedPart(stored, path, ABS_MAX)
  if (codes === undefined) return incompleteFormat(CODES)
  if (absMax === undefined) return incompleteFormat(ABS_MAX)
  const layout = storedPart(stored, path, WEIGHT_FORMAT)
  if (layout !== undefined) await checkLayout(layout, stored)
  expectPart(codes, ['int8'], [outFeatures, inFeatures])
  expectPart(absMax, ['float32'], [outFeatures])
  await readFinite(absMax, stored)
  const components = [
    componentOf(codes, 'rows'),
    componentOf(absMax, 'rows'),
    ...(layout === undefined ? [] : [componentOf(layout, 'whole')]),
  ]
  return int8Format(components, threshold)
}

const LAYOUTS = ['row', 'col32', 'col_turing', 'col_ampere']

async function checkLayout(part: StoredPart, stored: StoredWeight): Promise<void> {
  if (part.dtype !== 'uint8' || elementCount(part.shape) !== 1)
    throw mismatch(part, describe(part), 'uint8 []')
  const [value] = await stored.read(part.key)
  if (value === 0) return
  throw new CheckpointError(
    'WEIGHT_FORMAT_UNSUPPORTED',
    `"${part.name}" is ${value} (${LAYOUTS[value!] ?? 'unknown'}), expected 0 (row)`,
    {
      ...{ tensor: part.name, file: part.file, found: value, expected: 0 },
      hint: 'The codes are tiled for an old GPU library; load and save the model with bitsandbytes 0.45 first.',
    },
  )
}
