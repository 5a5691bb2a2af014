import {
  CapabilityError,
  ConfigError,
  compilePattern,
  type JsonObject,
  readInteger,
  readObject,
} from '@hfquant/core'
import type { DynamicRule } from '../config/dynamic-rules.js'
import { readSettings } from '../config/read-settings.js'
import type { GptqSettings } from '../config/settings.js'
import type { ZeroPointFormat } from '../format/zero-points.js'
import { packingOf } from './block.js'

/** Packings with the tensors of GPTQ, and how each of them stores zero points. */
const PACKINGS: Readonly<Record<string, ZeroPointFormat>> = {
  'auto_round:auto_gptq': 'gptq',
  'auto_round:gptq': 'gptq',
  'auto_round:gptqmodel': 'gptq_v2',
  // Before 0.3.1.
  auto_round: 'gptq_v2',
  'auto_round:exllamav2': 'gptq_v2',
  'auto_round:tritonv2': 'gptq_v2',
}

/**
 * Reads a block of AutoRound whose tensors are those of GPTQ. Keys that say how a model was made are kept, and have no effect.
 *
 * @throws ConfigError that names the field; CapabilityError PACKING_UNSUPPORTED for tensors of another kind, and
 * ACTIVATIONS_UNSUPPORTED for a model that quantizes activations.
 */
export function readAutoRound(json: JsonObject): GptqSettings {
  const { bits, group_size, sym } = json
  const format = formatOf(json)
  refuseActivations(json)
  const general = { bits, group_size, sym, format }
  const overrides = Object.entries(readObject(json, 'extra_config', {}))
  const rules = overrides.map(([name, settings]) => readRule(name, settings, general))
  return {
    ...readSettings(general),
    // A name that is a path speaks of this module alone, and before every pattern.
    dynamic: [...rules.filter(({ isPath }) => isPath), ...rules.filter(({ isPath }) => !isPath)],
    source: json,
  }
}

function formatOf(json: JsonObject): ZeroPointFormat {
  const packing = packingOf(json)
  if (typeof packing === 'string' && Object.hasOwn(PACKINGS, packing)) return PACKINGS[packing]!
  const expected = [...Object.keys(PACKINGS), 'auto_round:auto_awq']
  throw new CapabilityError(
    'PACKING_UNSUPPORTED',
    `packing_format is ${JSON.stringify(packing)}, and none of those that are read: ${expected.join(', ')}`,
    {
      ...{ field: 'packing_format', found: packing, expected },
      hint: 'AutoRound exports the same model for other readers as well: with --format auto_gptq, auto_awq or llm_compressor.',
    },
  )
}

function refuseActivations(json: JsonObject): void {
  const bits = readInteger(json, 'act_bits', 16)
  if (bits >= 16) return
  throw new CapabilityError(
    'ACTIVATIONS_UNSUPPORTED',
    `act_bits is ${bits}, expected 16: activations of GPTQ tensors are not quantized`,
    {
      ...{ field: 'act_bits', found: bits, expected: 16 },
      hint: 'Take the export of the model without quantized activations.',
    },
  )
}

interface OverrideRule extends DynamicRule {
  readonly isPath: boolean
}

/** Bits of a module that stays in float. */
const FLOAT_BITS: readonly unknown[] = [16, 32]

function readRule(name: string, value: unknown, general: JsonObject): OverrideRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const expected = 'an object of settings'
    throw new ConfigError(
      'FIELD_VALUE',
      `extra_config["${name}"] is ${JSON.stringify(value)}, expected ${expected}`,
      {
        ...{ field: 'extra_config', found: value, expected },
        hint: 'Its keys are module paths, or regular expressions for them.',
      },
    )
  }
  const overrides = value as JsonObject
  const excludes = FLOAT_BITS.includes(overrides.bits)
  if (!excludes) readSettings({ ...general, ...overrides })
  const isPath = /^[\w.-]*$/.test(name)
  const expression = isPath
    ? { test: (path: string) => path === name }
    : compilePattern(name, 'search', 'extra_config')
  return { pattern: name, expression, excludes, overrides, isPath }
}
