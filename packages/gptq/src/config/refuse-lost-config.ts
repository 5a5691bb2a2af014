import { CapabilityError, type CheckpointHeaders } from '@hfquant/core'
import { firstOf } from '../signs.js'

/**
 * GPTQ tensors without a config are not read: how zero points are stored, for one thing, no tensor tells.
 *
 * @returns undefined for a checkpoint without such tensors.
 * @throws CapabilityError CONFIG_NOT_RECOVERABLE naming the first of them.
 */
export function refuseLostConfig(headers: CheckpointHeaders): undefined {
  const tensor = firstOf(headers)
  if (tensor === undefined) return undefined
  throw new CapabilityError(
    'CONFIG_NOT_RECOVERABLE',
    `"${tensor}" is stored as GPTQ stores weights, and its config cannot be recovered from tensors`,
    {
      tensor,
      hint: 'Restore quantize_config.json or the quantization_config block of config.json, or quantize the float model again.',
    },
  )
}
