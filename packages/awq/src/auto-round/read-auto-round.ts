import { CapabilityError, type JsonObject, readInteger } from '@hfquant/core'
import { readSettings } from '../config/read-settings.js'
import type { AwqSettings } from '../config/settings.js'

/**
 * Reads a block of AutoRound whose tensors are those of AWQ. `extra_config` speaks of modules in float, which tensors show; keys
 * that say how a model was made have no effect.
 *
 * @throws ConfigError that names the field; CapabilityError ACTIVATIONS_UNSUPPORTED.
 */
export function readAutoRound(json: JsonObject): AwqSettings {
  const actBits = readInteger(json, 'act_bits', 16)
  if (actBits < 16) {
    throw new CapabilityError(
      'ACTIVATIONS_UNSUPPORTED',
      `act_bits is ${actBits}, expected 16: activations of AWQ tensors are not quantized`,
      {
        ...{ field: 'act_bits', found: actBits, expected: 16 },
        hint: 'Take the export of the model without quantized activations.',
      },
    )
  }
  const { bits, group_size } = json
  return {
    ...readSettings({ bits, group_size, zero_point: true, version: 'gemm' }),
    autoRound: true,
    others: json,
  }
}
