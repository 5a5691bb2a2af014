import type { JsonObject } from '../contract/json.js'
import type { CheckpointHeaders, QuantizationConfig } from '../contract/quantizer.js'
import { ConfigError } from '../errors/families.js'
import type { FoundIn } from './announce-quantization.js'
import type { HfQuantizer } from './hf-quantizer.js'
import {
  findBackend,
  knownMethods,
  type MethodSource,
  methodOf,
  type QuantizerBackend,
  recoverConfig,
} from './registry.js'

/** A configuration as a caller may write it: an instance, or the object that config.json would hold. */
export type QuantizationConfigInput = QuantizationConfig | object

export interface MergedQuantization {
  readonly method: string
  readonly config: QuantizationConfig
  readonly backend: QuantizerBackend
  /** True when the checkpoint carries a configuration. */
  readonly preQuantized: boolean
  /** What says so: config.json, unless the tensors had to. */
  readonly foundIn?: FoundIn
  /** JSON keys of the saved configuration that the caller changed. */
  readonly overridden: readonly string[]
  /** JSON keys that the caller set to another value than the file, without effect: the file decides. */
  readonly ignored: readonly string[]
}

/** Reads a configuration block of any registered method. */
export const AutoQuantizationConfig = {
  /** @throws ConfigError, EnvironmentError as `findBackend` and the method's parser do. */
  async fromDict(json: JsonObject, source?: MethodSource): Promise<QuantizationConfig> {
    return (await findBackend(methodOf(json), source)).parseConfig(json)
  },
}

/** Picks the backend of a model and merges the saved configuration with the supplied one. */
export const AutoQuantizer = {
  /**
   * The saved configuration wins, except for the method's loading attributes, and except for fields that the caller
   * did not set. Nothing is dropped without a trace: see `overridden` and `ignored`.
   *
   * @returns undefined when there is neither. A saved one that says that nothing is quantized counts as none.
   * @throws ConfigError QUANT_METHOD_CONFLICT when the two name different methods, QUANT_METHOD_UNKNOWN when nobody knows
   * the saved one.
   */
  async merge(
    saved: JsonObject | null | undefined,
    supplied: QuantizationConfigInput | null | undefined,
    source?: MethodSource,
  ): Promise<MergedQuantization | undefined> {
    const request = supplied == null ? undefined : await normalize(supplied, source)
    if (saved == null || (await isSwitchedOff(saved))) {
      if (request === undefined) return undefined
      return {
        ...request,
        method: request.config.quantMethod,
        preQuantized: false,
        overridden: [],
        ignored: [],
      }
    }
    const method = methodOf(saved)
    const isAsked = request?.config.quantMethod === method
    // A method that nobody knows is said to be unknown, whatever is asked for: its checkpoint cannot be loaded as it is.
    const backend = isAsked ? request.backend : await findBackend(method, source)
    if (request !== undefined && !isAsked) {
      throw new ConfigError(
        'QUANT_METHOD_CONFLICT',
        `the checkpoint is quantized with "${method}", the supplied config asks for "${request.config.quantMethod}"`,
        {
          field: 'quant_method',
          found: request.config.quantMethod,
          expected: method,
          hint: 'Start from the float checkpoint, or load this one as it is, without a config.',
        },
      )
    }
    return {
      method,
      backend,
      preQuantized: true,
      foundIn: 'config',
      ...mergeFields(saved, request?.config, backend),
    }
  },

  /** What the tensors say of a checkpoint whose config.json says nothing: the `quantization_config` it should hold. */
  async detect(headers: CheckpointHeaders): Promise<JsonObject | undefined> {
    return (await recoverConfig(headers))?.toDict()
  },

  /** Starts the quantizer of a merged configuration. */
  create(merged: MergedQuantization): HfQuantizer {
    return merged.backend.create(merged.config, merged.preQuantized)
  },
}

async function isSwitchedOff(saved: JsonObject): Promise<boolean> {
  const method = methodOf(saved)
  // Any other method is looked for, or refused, when it is known that it matters.
  return knownMethods().includes(method) && ((await findBackend(method)).isSwitchedOff?.(saved) ?? false)
}

async function normalize(
  supplied: QuantizationConfigInput,
  source: MethodSource | undefined,
): Promise<{ config: QuantizationConfig; backend: QuantizerBackend }> {
  if (typeof supplied !== 'object' || Array.isArray(supplied)) {
    throw new ConfigError(
      'QUANTIZATION_CONFIG_TYPE',
      `quantizationConfig is ${typeof supplied}, expected an object`,
      {
        field: 'quantizationConfig',
        hint: 'Pass a config instance of a backend package, or an object with the keys of config.json.',
      },
    )
  }
  if (isConfig(supplied)) {
    const backend =
      (supplied.backend as QuantizerBackend | undefined) ?? (await findBackend(supplied.quantMethod, source))
    return { config: supplied, backend }
  }
  const json = supplied as JsonObject
  const backend = await findBackend(methodOf(json), source)
  return { config: backend.parseConfig(json), backend }
}

const isConfig = (value: QuantizationConfigInput): value is QuantizationConfig =>
  typeof (value as QuantizationConfig).toDict === 'function'

function mergeFields(
  saved: JsonObject,
  supplied: QuantizationConfig | undefined,
  backend: QuantizerBackend,
): Pick<MergedQuantization, 'config' | 'overridden' | 'ignored'> {
  const parsed = backend.parseConfig(saved)
  if (supplied === undefined) return { config: parsed, overridden: [], ignored: [] }
  const before = parsed.toDict()
  const wanted = supplied.toDict()
  const differing = [...supplied.explicitKeys].filter(
    (key) => key !== 'quant_method' && !sameJson(before[key], wanted[key]),
  )
  const overridden = differing.filter((key) => backend.loadingAttributes?.includes(key))
  const ignored = differing.filter((key) => !overridden.includes(key))
  if (overridden.length === 0) return { config: parsed, overridden, ignored }
  const changes = Object.fromEntries(overridden.map((key) => [key, wanted[key]]))
  return { config: backend.parseConfig({ ...saved, ...changes }), overridden, ignored }
}

const sameJson = (left: unknown, right: unknown): boolean => stableJson(left) === stableJson(right)

function stableJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
