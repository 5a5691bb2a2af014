import type { StoredTensors, WeightInfo } from '@hfquant/core'
import {
  GLOBAL_SCALE,
  GROUP_INDEX,
  gridColumns,
  SCALE,
  SHAPE,
  type WeightLayout,
  ZERO_POINT,
} from './layout.js'
import { readScales } from './read-scales.js'

/**
 * Looks at the values of the small tensors of a weight.
 *
 * @returns the group of each column, where they are scattered.
 * @throws CheckpointError TENSOR_MISMATCH for the shape that is stored; TENSOR_NOT_FINITE or SCALE_INVALID for scales;
 * ZERO_POINT_RANGE, GROUP_INDEX_RANGE.
 */
export async function checkValues(
  weight: WeightInfo,
  layout: Omit<WeightLayout, 'groupOf'>,
  tensors: StoredTensors,
): Promise<Int32Array | undefined> {
  if (tensors.trusted) return undefined
  await checkShape(weight, tensors)
  await checkScales(layout, tensors)
  await checkZeros(layout, tensors)
  return readGroupIndex(weight, layout, tensors)
}

async function checkShape({ outFeatures, inFeatures }: WeightInfo, tensors: StoredTensors): Promise<void> {
  if (!tensors.has(SHAPE)) return
  tensors.expect(SHAPE, ['int64', 'int32'], [2])
  const bytes = (await tensors.read(SHAPE)).slice()
  const isLong = bytes.byteLength === 16
  const [rows, columns] = isLong ? new BigInt64Array(bytes.buffer) : new Int32Array(bytes.buffer)
  if (Number(rows) === outFeatures && Number(columns) === inFeatures) return
  const found = `the shape [${rows}, ${columns}]`
  throw tensors.mismatch(SHAPE, { found, expected: `[${outFeatures}, ${inFeatures}]` })
}

async function checkScales({ scales }: Pick<WeightLayout, 'scales'>, tensors: StoredTensors): Promise<void> {
  if (scales.kind === 'float') {
    await tensors.finite(SCALE)
    return
  }
  const bytes = new Map([[SCALE, await tensors.read(SCALE)]])
  if (scales.kind === 'e4m3') {
    const [global] = await tensors.finite(GLOBAL_SCALE)
    bytes.set(GLOBAL_SCALE, await tensors.read(GLOBAL_SCALE))
    const expected = 'a number that scales can be divided by'
    if (global === 0) throw tensors.damaged('SCALE_INVALID', GLOBAL_SCALE, { found: 0, at: 0, expected })
  }
  const values = readScales(scales, (key) => bytes.get(key)!)
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return
  throw tensors.damaged('TENSOR_NOT_FINITE', SCALE, { found: values[at]!, at, expected: 'finite scales' })
}

/** Zero points of narrow codes that lie in a byte each; packed ones have no room for more. */
async function checkZeros(
  { codes, zeros }: Pick<WeightLayout, 'codes' | 'zeros'>,
  tensors: StoredTensors,
): Promise<void> {
  if (zeros !== 'int8' || !('bits' in codes) || codes.bits === 8) return
  const { buffer, byteOffset, byteLength } = await tensors.read(ZERO_POINT)
  const values = new Int8Array(buffer, byteOffset, byteLength)
  const limit = 2 ** (codes.bits - 1)
  const at = values.findIndex((value) => value < -limit || value >= limit)
  if (at < 0) return
  const expected = `${-limit} to ${limit - 1}`
  throw tensors.damaged('ZERO_POINT_RANGE', ZERO_POINT, { found: values[at]!, at, expected })
}

/** A group of −1 anywhere stands for groups that are runs of columns, as a missing tensor does. */
async function readGroupIndex(
  { inFeatures }: WeightInfo,
  layout: Pick<WeightLayout, 'block'>,
  tensors: StoredTensors,
): Promise<Int32Array | undefined> {
  if (!tensors.has(GROUP_INDEX)) return undefined
  tensors.expect(GROUP_INDEX, ['int32'], [inFeatures])
  const groupOf = new Int32Array((await tensors.read(GROUP_INDEX)).slice().buffer)
  if (groupOf.includes(-1)) return undefined
  const groups = gridColumns(layout, inFeatures)
  const at = groupOf.findIndex((group) => group < 0 || group >= groups)
  if (at < 0) return groupOf
  const expected = `0 to ${groups - 1}, or -1`
  throw tensors.damaged('GROUP_INDEX_RANGE', GROUP_INDEX, { found: groupOf[at]!, at, expected })
}
