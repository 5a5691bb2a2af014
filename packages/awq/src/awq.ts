import { calibrateBlocks, demandCalibrationData } from '@hfquant/calibrate'
import {
  CapabilityError,
  type ConfigUse,
  type DefinedQuantizer,
  defineQuantizer,
  type FormatContext,
  type QuantizedFormat,
  type Skip,
  skip,
  unknownEntries,
  unknownKeysRemark,
  type WeightInfo,
} from '@hfquant/core'
import { isAutoRound } from './auto-round/block.js'
import { readAutoRound } from './auto-round/read-auto-round.js'
import { awqCalibration } from './calibrate/awq-calibration.js'
import { formatSettings } from './config/format-settings.js'
import { checkSettings, readSettings } from './config/read-settings.js'
import { recoverSettings } from './config/recover-settings.js'
import { type AwqSettings, DEFAULTS, KNOWN_KEYS, LOADING, VERSIONS } from './config/settings.js'
import { conversion, obstacleOf } from './conversion.js'
import { ACT_SCALES } from './format/layout.js'
import { madeFormat } from './format/made-format.js'
import { storedFormat } from './format/stored-format.js'

/** `quant_method` "awq": 4-bit codes on a grid for each group of channels, as AutoAWQ and llm-awq write them. */
export const awq: DefinedQuantizer<AwqSettings> = defineQuantizer<AwqSettings>({
  specVersion: 2,
  revision: 2,
  quantMethod: 'awq',
  config: {
    parse: (json) => (isAutoRound(json) ? readAutoRound(json) : readSettings(json)),
    format: formatSettings,
    loading: LOADING,
    recipe: ['bits', 'group_size', 'zero_point', 'version'],
    check: checkUse,
    warnings: ({ others, autoRound }) =>
      autoRound ? [] : unknownKeysRemark(unknownEntries(others, KNOWN_KEYS)),
  },
  select: ({ modulesToNotConvert, ...settings }) => ({
    keep: modulesToNotConvert ?? undefined,
    // Readers make quantized layers of all that no list names; the output projection is none of them.
    record: ({ float, head }) => {
      const named = float.filter((path) => path !== head)
      return { ...settings, modulesToNotConvert: named.length === 0 ? null : named }
    },
  }),
  formatFor: chooseFormat,
  files: {
    // The dtype of the scales, and the one that every reader expects.
    dtype: 'float16',
    recover: recoverSettings,
    // AutoRound keeps a copy of its block.
    sidecars: ({ autoRound, others }) => (autoRound ? { 'quantization_config.json': others } : {}),
  },
  calibrate: {
    defers: ({ method }) => method !== 'rtn',
    async run(settings, context) {
      if (context.waiting.length > 0) await calibrateBlocks(awqCalibration(settings), context)
      return { ...settings, dataset: null }
    },
  },
  convert: conversion,
})

function chooseFormat(
  weight: WeightInfo,
  { version, groupSize, zeroPoint, referenceRange }: AwqSettings,
  { stored, preQuantized, keepsElsewhere }: FormatContext,
): QuantizedFormat | Skip | Promise<QuantizedFormat | Skip> {
  if (preQuantized) {
    if (stored?.tensors.has('qweight') !== true) return skip('is stored in float')
    return storedFormat(weight, { arrangement: VERSIONS[version]!, groupSize, zeroPoint }, stored)
  }
  const obstacle = obstacleOf(weight, groupSize)
  if (obstacle !== undefined) return skip(obstacle)
  const scalesActivation = keepsElsewhere(ACT_SCALES)
  return madeFormat(weight, { groupSize, reference: referenceRange, scalesActivation })
}

/**
 * @throws CapabilityError FORMAT_LOAD_ONLY for what can be read and not made; ConfigError CALIBRATION_MISSING, FIELD_VALUE.
 */
function checkUse(settings: AwqSettings, { preQuantized }: ConfigUse): void {
  if (preQuantized) return
  const { method, dataset, version, zeroPoint, autoRound } = checkSettings(settings)
  if (autoRound) {
    throw new CapabilityError('FORMAT_LOAD_ONLY', 'models of AutoRound can be loaded, but not made', {
      field: 'quant_method',
      hint: 'AWQ makes tensors of the same kind: AwqConfig in code, a recipe awq-* on the command line.',
    })
  }
  const field = version !== DEFAULTS.version ? 'version' : zeroPoint ? undefined : 'zero_point'
  if (field !== undefined) {
    throw new CapabilityError('FORMAT_LOAD_ONLY', `AWQ with this ${field} can be loaded, but not made`, {
      field,
      hint: 'What is made has version "gemm" and zero points.',
    })
  }
  if (method !== 'rtn') demandCalibrationData('AWQ', dataset)
}
