import {
  compilePattern,
  type JsonObject,
  type Pattern,
  readObject,
  readStrings,
  unknownEntries,
} from '@hfquant/core'
import { boundPatterns } from './bound-patterns.js'
import { type CompressionFormat, checkFormat } from './compression-format.js'
import { within, wrongValue } from './field-errors.js'
import { PRESETS } from './presets.js'
import { formatArguments, type QuantizationArguments, readArguments } from './quantization-arguments.js'

/** `QuantizationScheme` of the library: a group of modules that are quantized alike. */
export interface Scheme {
  /** Key of `config_groups`. */
  readonly name: string
  readonly targets: readonly Target[]
  readonly weights: QuantizationArguments | null
  readonly inputActivations: QuantizationArguments | null
  readonly outputActivations: QuantizationArguments | null
  readonly format: CompressionFormat
  /** Entries whose keys are not known. */
  readonly others: JsonObject
}

/** Modules that a group is for: by path, by a pattern that matches from the start of a path, or by class. */
export interface Target {
  /** As it is written. */
  readonly text: string
  readonly pattern: Pattern | undefined
}

/**
 * Reads `config_groups`. A list of targets in place of a scheme stands for the preset that the group is called; a group without
 * a format, as older files have them, has that of the file.
 *
 * @throws ConfigError that names the field; PATTERN_INVALID or PATTERN_NOT_OFFERED for a target.
 */
export function readGroups(json: JsonObject): readonly Scheme[] {
  const ofFile = checkFormat(json, null)
  const groups = Object.entries(readObject(json, 'config_groups', {}))
  boundPatterns(
    'config_groups',
    groups.flatMap(([, group]) => targetsOf(group)),
  )
  return groups.map(([name, value], index) =>
    within(`config_groups.${name}`, () =>
      Array.isArray(value)
        ? readScheme(`group_${index}`, { ...preset(name), targets: value }, ofFile)
        : readScheme(name, value, ofFile),
    ),
  )
}

/** The format of a file: that of its groups, where they have one in common. */
export function formatOfFile(groups: readonly Scheme[]): CompressionFormat {
  const formats = new Set(groups.flatMap(({ weights, format }) => (weights === null ? [] : [format])))
  const [first = 'dense'] = formats
  return formats.size > 1 ? 'mixed-precision' : first
}

/** The group with exactly the keys that Python writes, in their order. */
export const formatScheme = (scheme: Scheme): JsonObject => ({
  ...scheme.others,
  format: scheme.format,
  input_activations: formatOptional(scheme.inputActivations),
  output_activations: formatOptional(scheme.outputActivations),
  targets: scheme.targets.map(({ text }) => text),
  weights: formatOptional(scheme.weights),
})

function readScheme(name: string, value: unknown, ofFile: CompressionFormat | null): Scheme {
  if (typeof value !== 'object' || value === null)
    throw wrongValue('targets', value, 'an object, or a list of targets')
  const json = value as JsonObject
  const weights = readOptional(json, 'weights')
  const outputActivations = readOptional(json, 'output_activations')
  if (weights?.strategy === 'attn_head' || weights?.strategy === 'token') {
    throw wrongValue('weights.strategy', weights.strategy, 'tensor, channel, group, block or tensor_group')
  }
  if (weights !== null && outputActivations !== null) {
    throw wrongValue(
      'output_activations',
      'set',
      'null beside weights: outputs of linear layers stay in float',
    )
  }
  const inputActivations = readOptional(json, 'input_activations')
  const isOfAll = ofFile !== null && ofFile !== 'mixed-precision'
  const fallback = isOfAll ? ofFile : chosenFormat(weights, inputActivations)
  return {
    ...{ name, weights, inputActivations, outputActivations },
    targets: readStrings(json, 'targets', []).map(readTarget),
    format: checkFormat(json, fallback),
    others: unknownEntries(json, KEYS),
  }
}

const KEYS = ['targets', 'weights', 'input_activations', 'output_activations', 'format']

/** @throws ConfigError for a pattern that cannot be used. */
const readTarget = (text: string): Target => ({
  text,
  pattern: text.startsWith('re:') ? compilePattern(text.slice('re:'.length), 'match', 'targets') : undefined,
})

/** Texts among what may be targets, before anything of a group is read. */
function targetsOf(group: unknown): readonly string[] {
  const targets = Array.isArray(group) ? group : (group as { readonly targets?: unknown } | null)?.targets
  return Array.isArray(targets) ? targets.filter((target) => typeof target === 'string') : []
}

function preset(name: string): JsonObject {
  const found = PRESETS.get(name.toUpperCase())
  if (found !== undefined) return found
  throw wrongValue(
    'targets',
    'a list',
    `a scheme, or the name of a preset: ${[...PRESETS.keys()].join(', ')}`,
  )
}

const readOptional = (json: JsonObject, key: string): QuantizationArguments | null =>
  json[key] == null ? null : within(key, () => readArguments(readObject({ [key]: json[key] }, key, {})))

const formatOptional = (own: QuantizationArguments | null): JsonObject | null =>
  own === null ? null : formatArguments(own)

/** The format of a group where nothing names one, as the library chooses it. */
function chosenFormat(
  weights: QuantizationArguments | null,
  inputActivations: QuantizationArguments | null,
): CompressionFormat {
  if (weights === null) return 'dense'
  const { type, numBits, strategy } = weights
  if (type === 'float' && numBits === 4) {
    return strategy === 'tensor_group' ? 'nvfp4-pack-quantized' : 'mxfp4-pack-quantized'
  }
  if (type === 'float') return 'float-quantized'
  return inputActivations === null || numBits < 8 ? 'pack-quantized' : 'int-quantized'
}
