import {
  type DefinedQuantizer,
  defineQuantizer,
  type SelectionOutcome,
  unknownKeysRemark,
} from '@hfquant/core'
import { findScheme, skipEntries } from './config/find-scheme.js'
import type { QuantizationArguments } from './config/quantization-arguments.js'
import type { Scheme } from './config/scheme.js'
import {
  type CompressedTensorsSettings,
  formatSettings,
  isOff,
  METHOD,
  readSettings,
} from './config/settings.js'
import { conversion } from './conversion.js'
import { storedFormat } from './format/stored-format.js'
import { madeFormat } from './make/made-format.js'
import { recoverSettings } from './recover-settings.js'

/** `quant_method` "compressed-tensors": the checkpoints of llm-compressor, which vLLM serves. */
export const compressedTensors: DefinedQuantizer<CompressedTensorsSettings> =
  defineQuantizer<CompressedTensorsSettings>({
    specVersion: 2,
    revision: 1,
    quantMethod: METHOD,
    config: {
      parse: readSettings,
      format: formatSettings,
      recipe: ['config_groups'],
      isOff,
      warnings: ({ others, groups }) => [
        ...unknownKeysRemark(others),
        ...groups.flatMap((scheme) => unknownKeysRemark(unknownOf(scheme))),
      ],
    },
    select: (settings) => ({
      keep: skipEntries(settings.ignore),
      record: (outcome) => ({
        ...settings,
        ...{ ignore: ignored(outcome), quantizationStatus: 'compressed' },
      }),
      embeddings: (path) => findScheme(settings.groups, [path], 'embedding') !== undefined,
    }),
    formatFor: (weight, settings, { preQuantized, stored }) =>
      preQuantized
        ? storedFormat(weight, settings, stored!)
        : madeFormat(weight, findScheme(settings.groups, [weight.path], weight.kind)),
    files: {
      carries: (name) => CARRIED.test(name),
      recover: recoverSettings,
    },
    convert: conversion,
  })

/** Scales of keys and values, and those beside weights that are not compressed yet. */
const CARRIED = /\.([kvq]|input|output|weight)_(global_)?(scale|zero_point|g_idx)$/

/** What Python must not look for in its compressed form: all that stays in float, and modules that keep such weights together. */
function ignored({ kept, float }: SelectionOutcome): readonly string[] {
  const others = float.filter((path) => !kept.some((own) => path === own || path.startsWith(`${own}.`)))
  const list = [...kept, ...others]
  // GPT NeoX: vLLM looks for the name of the file, transformers for its own.
  return list.includes('embed_out') ? [...list, 'lm_head'] : list
}

/** Keys of a group that are not known, and of the arguments in it. */
function unknownOf({ others, weights, inputActivations }: Scheme) {
  const own = (args: QuantizationArguments | null) => args?.others ?? {}
  return { ...others, ...own(weights), ...own(inputActivations) }
}
