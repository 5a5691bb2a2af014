import { type CalibrationData, checkCalibration, checkCalibrationData } from '@hfquant/calibrate'
import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  oneOf,
  readBoolean,
  readInteger,
  readNumber,
  readObject,
  readString,
} from '@hfquant/core'
import { BITS } from '../format/bits.js'
import type { ZeroPointFormat } from '../format/zero-points.js'
import { matchingRule, readDynamicRules } from './dynamic-rules.js'
import { DEFAULTS, type GptqSettings, type ModuleSettings } from './settings.js'

/** Older names of keys. */
const ALIASES: Readonly<Record<string, string>> = {
  w_bit: 'bits',
  wbits: 'bits',
  q_group_size: 'group_size',
  hyb_act: 'act_group_aware',
}

const DATASET_NAMES = ['wikitext2', 'c4', 'c4-new']

/**
 * Reads the block of config.json, or the contents of quantize_config.json, in any of the spellings that AutoGPTQ,
 * GPTQModel, optimum and transformers write. Unknown keys are kept and have no effect.
 *
 * @throws ConfigError that names the field; CapabilityError for formats made for one GPU kernel.
 */
export function readSettings(json: JsonObject): GptqSettings {
  const fields = canonical(json)
  refuseKernelFormats(fields)
  const meta = readObject(fields, 'meta', {})
  const sym =
    fields.sym === undefined && typeof fields.zero_point === 'boolean' ? !fields.zero_point : undefined
  const settings: GptqSettings = {
    ...DEFAULTS,
    ...readModuleSettings(
      { ...(sym === undefined ? {} : { sym }), ...withoutNull(meta), ...withoutNull(fields) },
      DEFAULTS,
    ),
    lmHead: readBoolean(fields, 'lm_head', false),
    format: readFormat(fields),
    dynamic: readDynamicRules(readObject(fields, 'dynamic', {})),
    modulesInBlock: readModuleLists(fields),
    dampAutoIncrement: readNumber({ ...meta, ...fields }, 'damp_auto_increment', DEFAULTS.dampAutoIncrement),
    trueSequential: readBoolean({ ...meta, ...fields }, 'true_sequential', true),
    dataset: readDataset(fields),
    sequenceLength: fields.model_seqlen == null ? null : readInteger(fields, 'model_seqlen', 0),
    modelFileBaseName: readString(fields, 'model_file_base_name', '') || null,
    backend: readString(fields, 'backend', '').toLowerCase() || null,
    maxInputLength: fields.max_input_length == null ? null : readInteger(fields, 'max_input_length', 0),
    source: json,
  }
  for (const rule of settings.dynamic) if (!rule.excludes) readModuleSettings(rule.overrides, settings)
  return checkSettings(settings)
}

/** @throws ConfigError that names the field. */
export function checkSettings(settings: GptqSettings): GptqSettings {
  checkModuleSettings(settings)
  checkCalibration(settings)
  const { dampAutoIncrement, descAct, actGroupAware } = settings
  if (!(Number.isFinite(dampAutoIncrement) && dampAutoIncrement >= 0 && dampAutoIncrement < 1)) {
    throw invalid('damp_auto_increment', dampAutoIncrement, 'a number from 0 to 1')
  }
  oneOf(settings.method, ['gptq', 'rtn'], 'method')
  oneOf(settings.fallback, ['rtn', 'error'], 'fallback')
  oneOf(settings.scaleRounding, ['before', 'after'], 'scaleRounding')
  for (const field of FLAGS) {
    if (typeof settings[field] !== 'boolean') throw invalid(field, settings[field], 'true or false')
  }
  return descAct && actGroupAware ? { ...settings, actGroupAware: false } : settings
}

/** Those that config.json does not have. */
const FLAGS = ['actGroupAware', 'staticGroups', 'trueSequential', 'referenceSymmetric'] as const

/** The settings of one module: those of the first rule that names it, over the general ones. */
export function settingsFor(settings: GptqSettings, path: string): ModuleSettings | undefined {
  const rule = matchingRule(settings.dynamic, path)
  if (rule === undefined) return settings
  if (rule.excludes) return undefined
  return readModuleSettings(canonical(rule.overrides), settings)
}

function readModuleSettings(json: JsonObject, fallback: ModuleSettings): ModuleSettings {
  const descAct = readBoolean(json, 'desc_act', fallback.descAct)
  return checkModuleSettings({
    bits: oneOf(json.bits ?? fallback.bits, BITS, 'bits'),
    groupSize: readInteger(json, 'group_size', fallback.groupSize),
    sym: readBoolean(json, 'sym', fallback.sym),
    descAct,
    actGroupAware: !descAct && readBoolean(json, 'act_group_aware', fallback.actGroupAware),
    staticGroups: readBoolean(json, 'static_groups', fallback.staticGroups),
    dampPercent: readNumber(json, 'damp_percent', fallback.dampPercent),
    mse: readNumber(json, 'mse', fallback.mse),
  })
}

function checkModuleSettings<Settings extends ModuleSettings>(settings: Settings): Settings {
  oneOf(settings.bits, BITS, 'bits')
  const { groupSize, dampPercent, mse } = settings
  if (!(Number.isSafeInteger(groupSize) && (groupSize === -1 || groupSize > 0))) {
    throw invalid('group_size', groupSize, 'a positive integer, or -1 for one group per row')
  }
  if (!(Number.isFinite(dampPercent) && dampPercent > 0 && dampPercent < 1))
    throw invalid('damp_percent', dampPercent, 'a number between 0 and 1')
  if (!(Number.isFinite(mse) && mse >= 0 && mse <= 100))
    throw invalid('mse', mse, '0, or an exponent such as 2.4')
  return settings
}

/** Keys in lower case, under their current names. */
function canonical(json: JsonObject): JsonObject {
  const entries = Object.entries(json).map(([key, value]) => [key.toLowerCase(), value] as const)
  const renamed = entries.flatMap(([key, value]) =>
    ALIASES[key] === undefined ? [] : [[ALIASES[key], value] as const],
  )
  return Object.fromEntries([...renamed, ...entries])
}

const withoutNull = (json: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))

function readFormat(fields: JsonObject): ZeroPointFormat | 'auto' {
  const spellings = [readString(fields, 'format', ''), readString(fields, 'checkpoint_format', '')]
  const named = spellings.find((name) => name !== '') ?? ''
  if (named === '') return fields.quant_method === undefined || fields.format === null ? 'auto' : 'gptq'
  const format = named.toLowerCase()
  if (format === 'gptq' || format === 'gptq_v2') return format
  throw kernelFormat('format', named)
}

function refuseKernelFormats(fields: JsonObject): void {
  const method = readString(fields, 'quant_method', 'gptq').toLowerCase()
  if (method !== 'gptq') throw kernelFormat('quant_method', method)
  if (fields.is_marlin_format === true) throw kernelFormat('is_marlin_format', true)
  if (fields.awq_gemm_checkpoint === true) throw kernelFormat('awq_gemm_checkpoint', true)
  if (fields.rotation) {
    throw new CapabilityError(
      'ROTATION',
      `rotation is ${JSON.stringify(fields.rotation)}: rotated weights are not offered`,
      {
        field: 'rotation',
        found: fields.rotation,
        hint: 'Quantize the original model instead.',
      },
    )
  }
  const packDtype = fields.pack_dtype
  if (packDtype !== undefined && packDtype !== null && packDtype !== 'int32') {
    throw new CapabilityError(
      'PACK_DTYPE',
      `pack_dtype is ${JSON.stringify(packDtype)}, only "int32" is offered`,
      {
        field: 'pack_dtype',
        found: packDtype,
        expected: ['int32'],
        hint: 'Only GPTQModel reads other words; pack the model with int32.',
      },
    )
  }
}

const kernelFormat = (field: string, found: unknown): CapabilityError =>
  new CapabilityError(
    'GPTQ_FORMAT',
    `${field} is ${JSON.stringify(found)}, expected "gptq" or "gptq_v2": ${found === 'gptq_p' ? 'planar codes are not offered' : 'these tensors are arranged for one GPU kernel'}`,
    {
      field,
      found,
      expected: ['gptq', 'gptq_v2'],
      hint: 'Use the checkpoint from which this one was converted.',
    },
  )

function readModuleLists(fields: JsonObject): readonly (readonly string[])[] | null {
  const lists = fields.modules_in_block_to_quantize
  if (lists === undefined || lists === null) return null
  const isList = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string')
  if (Array.isArray(lists) && lists.every(isList)) return lists
  if (isList(lists)) return [lists]
  throw invalid('modules_in_block_to_quantize', lists, 'a list of lists of module names')
}

function readDataset({ dataset }: JsonObject): CalibrationData | null {
  if (dataset === undefined || dataset === null) return null
  if (typeof dataset === 'string' && DATASET_NAMES.includes(dataset)) return null
  return checkCalibrationData(dataset)
}

const invalid = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${JSON.stringify(found)}, expected ${expected}`, {
    ...{ field, found, expected, hint: 'Correct the quantization config.' },
  })
