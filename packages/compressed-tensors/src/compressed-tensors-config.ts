import { checkOptions, type JsonObject, OptionsConfig, readObject } from '@hfquant/core'
import { compressedTensors } from './compressed-tensors.js'
import type { Strategy } from './config/quantization-arguments.js'
import type { CompressedTensorsSettings } from './config/settings.js'

/** How weights, or the inputs of layers, are quantized: `QuantizationArgs` of the library. */
export interface QuantizationArgs {
  readonly numBits?: number
  readonly type?: 'int' | 'float'
  readonly symmetric?: boolean
  readonly strategy?: Strategy
  readonly groupSize?: number
  readonly dynamic?: boolean
}

/** Modules that are quantized alike: `QuantizationScheme` of the library. */
export interface QuantizationScheme {
  /** Paths, patterns behind "re:", or classes. */
  readonly targets: readonly string[]
  readonly weights: QuantizationArgs
  readonly inputActivations?: QuantizationArgs
}

export interface CompressedTensorsOptions {
  /** Schemes by name; or targets by the name of a preset: `{ W4A16: ['Linear'] }`, which is the default. */
  readonly configGroups?: Readonly<Record<string, QuantizationScheme | readonly string[]>>
  /** Modules that stay in float, besides the head: paths, or patterns behind "re:" that match from the start of a path. */
  readonly ignore?: readonly string[]
}

/**
 * `quantization_config` of a compressed-tensors model.
 *
 * @throws ConfigError for an option that does not exist or does not fit; PATTERN_INVALID or PATTERN_NOT_OFFERED.
 */
export class CompressedTensorsConfig extends OptionsConfig<
  CompressedTensorsOptions,
  CompressedTensorsSettings
> {
  constructor(options: CompressedTensorsOptions = {}) {
    const keys = { configGroups: 'config_groups', ignore: 'ignore' }
    super({ name: 'CompressedTensorsConfig', backend: compressedTensors, keys, read: readOptions }, options)
  }
}

function readOptions(json: JsonObject): CompressedTensorsSettings {
  const groups = readObject(json, 'config_groups', { W4A16: ['Linear'] })
  const schemes = Object.entries(groups).map(([name, group]) => [name, schemeJson(group)])
  return compressedTensors.definition.config.parse({ ...json, config_groups: Object.fromEntries(schemes) })
}

/** A scheme with the keys of config.json; what is no scheme is left to be refused there. */
function schemeJson(group: unknown): unknown {
  if (typeof group !== 'object' || group === null || Array.isArray(group)) return group
  checkOptions(group, ['targets', 'weights', 'inputActivations'], 'QuantizationScheme')
  const { inputActivations, weights, ...rest } = group as Partial<QuantizationScheme>
  return { ...rest, weights: snakeCased(weights), input_activations: snakeCased(inputActivations) }
}

const ARGUMENTS: readonly (keyof QuantizationArgs)[] = [
  ...(['numBits', 'type', 'symmetric', 'strategy', 'groupSize', 'dynamic'] as const),
]

function snakeCased(args: QuantizationArgs | undefined): JsonObject | null {
  if (args === undefined) return null
  checkOptions(args, ARGUMENTS, 'QuantizationArgs')
  const toKey = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [toKey(name), value]))
}
