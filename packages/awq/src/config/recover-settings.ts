import { CapabilityError, type CheckpointHeaders } from '@hfquant/core'
import { type Arrangement, type ExpectedPart, expectedParts } from '../format/layout.js'
import { type AwqTensors, awqTensors } from '../signs.js'
import { readSettings } from './read-settings.js'
import type { AwqSettings } from './settings.js'

/** Sizes of groups that are in use, the usual one first. */
const SIZES = [128, 64, 32, -1, 16]

/**
 * The settings of a checkpoint whose config.json lost them: shapes tell how tensors are arranged and how large groups are.
 *
 * @returns undefined for a checkpoint without such tensors.
 * @throws CapabilityError CONFIG_NOT_RECOVERABLE where no size of groups fits all of them.
 */
export function recoverSettings(headers: CheckpointHeaders): AwqSettings | undefined {
  const weights = awqTensors(headers)
  const [first] = weights
  if (first === undefined) return undefined
  const groupSize = SIZES.find((size) => weights.every((weight) => fits(weight, size)))
  if (groupSize !== undefined) {
    const zeroPoint = first.zeros !== undefined
    return readSettings({ version: first.arrangement, group_size: groupSize, zero_point: zeroPoint })
  }
  throw new CapabilityError(
    'CONFIG_NOT_RECOVERABLE',
    `"${first.path}.qweight" is stored as AWQ stores weights, and no size of groups fits all of these tensors`,
    {
      tensor: `${first.path}.qweight`,
      hint: 'Restore the quantization_config block of config.json, or quantize the float model again.',
    },
  )
}

function fits({ arrangement, codes, scales }: AwqTensors, size: number): boolean {
  const weight = sizesOf(arrangement, codes)
  const groupSize = size === -1 ? weight.inFeatures : size
  if (weight.inFeatures % groupSize !== 0) return false
  const expected: ExpectedPart = expectedParts(arrangement, weight, groupSize).scales
  return `${expected.shape}` === `${scales}`
}

function sizesOf(arrangement: Arrangement, [lines = 0, width = 0]: readonly number[]) {
  if (arrangement === 'gemm') return { inFeatures: lines, outFeatures: width * 8 }
  if (arrangement === 'gemv') return { outFeatures: lines, inFeatures: width * 8 }
  return { outFeatures: lines * 4, inFeatures: width }
}
