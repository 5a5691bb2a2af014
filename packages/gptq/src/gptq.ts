import { calibrateBlocks, demandCalibrationData } from '@hfquant/calibrate'
import {
  CapabilityError,
  type ConfigUse,
  type DefinedQuantizer,
  defineQuantizer,
  type ModelOutline,
} from '@hfquant/core'
import { isAutoRound } from './auto-round/block.js'
import { readAutoRound } from './auto-round/read-auto-round.js'
import { gptqCalibration } from './calibrate/gptq-calibration.js'
import { withHeadRule } from './config/dynamic-rules.js'
import { refuseMixedBlocks, stateFloatLayers } from './config/float-layers.js'
import { formatSettings } from './config/format-settings.js'
import { checkSettings, readSettings } from './config/read-settings.js'
import { refuseLostConfig } from './config/refuse-lost-config.js'
import { remarksOn } from './config/remarks.js'
import type { GptqSettings } from './config/settings.js'
import { conversion } from './conversion.js'
import { chooseFormat } from './format/choose-format.js'
import { settleZeroPoints } from './format/settle-zero-points.js'

/** `quant_method` "gptq": weights are packed as they are, rounded, or calibrated once the whole model is in place. */
export const gptq: DefinedQuantizer<GptqSettings> = defineQuantizer<GptqSettings>({
  specVersion: 2,
  revision: 2,
  quantMethod: 'gptq',
  config: {
    parse: (json) => (isAutoRound(json) ? readAutoRound(json) : readSettings(json)),
    format: formatSettings,
    loading: ['backend', 'max_input_length'],
    recipe: ['bits', 'group_size', 'sym', 'desc_act'],
    check: checkUse,
    withHead: (settings) => ({ ...settings, lmHead: true }),
    warnings: remarksOn,
  },
  select: (settings) => ({
    // The head is on the default skip list; asking for it takes the list's place.
    keep: settings.lmHead ? [] : undefined,
    replaceDefaults: settings.lmHead,
    // A config made here begins without what a file said.
    adapt: (model) => ({ ...(settings.lmHead ? withHead(settings, model) : settings), source: null }),
    record: (outcome) => stateFloatLayers(settings, outcome),
  }),
  formatFor: chooseFormat,
  files: {
    // The dtype of the scales, and the one that every reader expects.
    dtype: 'float16',
    weights: weightFiles,
    recover: refuseLostConfig,
    sidecars: (settings) =>
      ofAutoRound(settings)
        ? { 'quantization_config.json': settings.source! }
        : { 'quantize_config.json': formatSettings(settings) },
    checkSavable: (_settings, outcome) => refuseMixedBlocks(outcome),
  },
  calibrate: {
    defers: ({ method }) => method !== 'rtn',
    async run(settings, context) {
      if (context.waiting.length > 0) await calibrateBlocks(gptqCalibration(settings), context)
      const format = await settleZeroPoints(settings.format, context.placed())
      return { ...settings, format, dataset: null }
    },
  },
  convert: conversion,
})

/**
 * @throws ConfigError CALIBRATION_MISSING; FIELD_VALUE for settings that config.json does not have, and nobody has looked at.
 * CapabilityError FORMAT_LOAD_ONLY for a config of AutoRound.
 */
function checkUse(settings: GptqSettings, { preQuantized }: ConfigUse): void {
  const { method, dataset } = checkSettings(settings)
  if (!preQuantized && ofAutoRound(settings)) {
    throw new CapabilityError('FORMAT_LOAD_ONLY', 'models of AutoRound can be loaded, but not made', {
      field: 'quant_method',
      hint: 'GPTQ makes tensors of the same kind: GPTQConfig in code, a recipe gptq-* on the command line.',
    })
  }
  if (!preQuantized && method !== 'rtn') demandCalibrationData('GPTQ', dataset)
}

const ofAutoRound = ({ source }: GptqSettings): boolean => source !== null && isAutoRound(source)

/** @throws CapabilityError LM_HEAD_TIED */
function withHead(settings: GptqSettings, { head, headIsTied }: ModelOutline): GptqSettings {
  if (!headIsTied) return { ...settings, dynamic: withHeadRule(settings.dynamic, head) }
  throw new CapabilityError(
    'LM_HEAD_TIED',
    `lm_head is true, but ${head} shares its weight with the embedding`,
    { module: head, field: 'lm_head', hint: 'Leave lm_head out.' },
  )
}

/** The names that AutoGPTQ gave: that of the config, and the one that it made of the settings. */
function weightFiles({ modelFileBaseName, bits, groupSize }: GptqSettings): readonly string[] {
  const names = [modelFileBaseName, `gptq_model-${bits}bit-${groupSize}g`]
  return names.flatMap((name) => (name === null ? [] : ENDINGS.map((ending) => `${name}${ending}`)))
}

/** In the order of the usual names. */
const ENDINGS = ['.safetensors', '.safetensors.index.json', '.bin', '.bin.index.json', '.pt']
