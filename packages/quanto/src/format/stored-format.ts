import {
  type Component,
  describePart,
  type FloatDtype,
  isFloatDtype,
  type QuantizedFormat,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import type { QuantizedTypes } from '../config/modules.js'
import { BYTE_TYPES, type ByteType, isPacked, PACKED_TYPES, type PackedType } from '../config/types.js'
import { byteFormat } from './byte-format.js'
import { ACTIVATION_SCALES, CODES, INPUT_SCALE, PACKED_CODES, SCALE, SHIFT } from './layout.js'
import { packedFormat } from './packed-format.js'
import { slabHeight } from './packing.js'

/**
 * The format of a stored weight.
 *
 * @param types what the map says; the tensors have to agree.
 * @throws CheckpointError TENSOR_MISSING, TENSOR_MISMATCH, TENSOR_NOT_FINITE naming module, tensor and file.
 */
export function storedFormat(
  weight: WeightInfo,
  stored: StoredWeight,
  types: QuantizedTypes,
): Promise<QuantizedFormat> {
  const tensors = storedTensors(weight, stored)
  for (const key of ACTIVATION_SCALES) if (tensors.has(key)) tensors.expect(key, FLOATS, [])
  const others = tensors.keys.filter((key) => !OWN.includes(key))
  const carried = others.map((key) => tensors.component(key, 'whole'))
  const { weights: type, activations } = types
  if (isPacked(type)) return storedPacked(weight, tensors, type, carried)
  const isStatic = type === 'qint8' && activations === 'qint8'
  return storedBytes(weight, tensors, { type, isStatic }, carried)
}

const OWN = [CODES, PACKED_CODES, SCALE, SHIFT]

const MAP_HINT = 'quanto_qmap.json does not belong to these weights; take both from the same revision.'

const FLOATS: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

async function storedBytes(
  { outFeatures, inFeatures }: WeightInfo,
  tensors: StoredTensors,
  { type, isStatic }: { readonly type: ByteType; readonly isStatic: boolean },
  carried: readonly Component[],
): Promise<QuantizedFormat> {
  tensors.expect(CODES, [BYTE_TYPES[type]], [outFeatures, inFeatures], MAP_HINT)
  const scale = tensors.expect(SCALE, FLOATS, [outFeatures, 1])
  await tensors.finite(SCALE)
  if (isStatic) await checkInputScale(tensors)
  return byteFormat({
    ...{ type, scaleDtype: scale.dtype as FloatDtype },
    inputScale: isStatic ? (tensors.part(INPUT_SCALE).dtype as FloatDtype) : undefined,
    components: [tensors.component(CODES), tensors.component(SCALE), ...carried],
  })
}

/** @throws CheckpointError TENSOR_MISSING, TENSOR_NOT_FINITE, SCALE_INVALID */
async function checkInputScale(tensors: StoredTensors): Promise<void> {
  tensors.part(INPUT_SCALE)
  const [scale = 1] = await tensors.finite(INPUT_SCALE)
  if (scale > 0) return
  const expected = 'a scale above 0'
  throw tensors.damaged('SCALE_INVALID', INPUT_SCALE, { found: scale, at: 0, expected })
}

async function storedPacked(
  { outFeatures, inFeatures }: WeightInfo,
  tensors: StoredTensors,
  type: PackedType,
  carried: readonly Component[],
): Promise<QuantizedFormat> {
  const codes = tensors.part(PACKED_CODES)
  const groupSize = codes.shape[1] ?? 0
  const groups = (outFeatures * inFeatures) / groupSize
  if (inFeatures % groupSize !== 0) {
    const expected = `rows of a group size that divides ${inFeatures} input features`
    throw tensors.mismatch(PACKED_CODES, { found: describePart(codes), expected })
  }
  tensors.expect(PACKED_CODES, ['uint8'], [slabHeight(groups, PACKED_TYPES[type]), groupSize], MAP_HINT)
  const scale = tensors.expect(SCALE, FLOATS, [groups, 1])
  const shift = tensors.expect(SHIFT, [...FLOATS, 'int8', 'uint8'], [groups, 1])
  await tensors.finite(SCALE)
  if (isFloatDtype(shift.dtype)) await tensors.finite(SHIFT)
  const own = [tensors.component(PACKED_CODES, 'whole'), tensors.component(SCALE), tensors.component(SHIFT)]
  return packedFormat({
    ...{ type, groupSize, scaleDtype: scale.dtype as FloatDtype },
    ...{ shiftDtype: shift.dtype as FloatDtype | 'int8' | 'uint8', components: [...own, ...carried] },
  })
}
