import { type CalibrationData, checkCalibration, checkCalibrationData } from '@hfquant/calibrate'
import {
  ConfigError,
  type JsonObject,
  oneOf,
  readBoolean,
  readInteger,
  readString,
  readStrings,
  unknownEntries,
} from '@hfquant/core'
import { type AwqSettings, DEFAULTS, OWN_KEYS, VERSIONS } from './settings.js'

/**
 * Reads the block of config.json, or the contents of quant_config.json, as AutoAWQ, llm-awq and transformers write it.
 *
 * @throws ConfigError that names the field: FIELD_TYPE, FIELD_VALUE, AWQ_VERSION.
 */
export function readSettings(json: JsonObject): AwqSettings {
  if (json.quant_method != null) oneOf(json.quant_method, ['awq'], 'quant_method')
  const bits = json.bits === undefined ? 'w_bit' : 'bits'
  const groupSize = json.group_size === undefined ? 'q_group_size' : 'group_size'
  oneOf(readInteger(json, bits, DEFAULTS.bits), [4], bits)
  return {
    ...DEFAULTS,
    groupSize: checkGroupSize(readInteger(json, groupSize, DEFAULTS.groupSize), groupSize),
    zeroPoint: readBoolean(json, 'zero_point', DEFAULTS.zeroPoint),
    version: readVersion(json),
    modulesToNotConvert: readStrings(json, 'modules_to_not_convert', undefined) ?? null,
    dataset: readDataset(json),
    others: unknownEntries(json, OWN_KEYS),
  }
}

/** The name of a data set says what Python calibrated with; texts come from a caller. */
const readDataset = ({ dataset }: JsonObject): CalibrationData | null =>
  typeof dataset === 'string' || dataset == null ? null : checkCalibrationData(dataset)

/** @throws ConfigError that names the field, of settings that config.json does not have. */
export function checkSettings(settings: AwqSettings): AwqSettings {
  const { method, clip, referenceRange } = settings
  oneOf(method, ['awq', 'rtn'], 'method')
  readBoolean({ clip }, 'clip', false)
  readBoolean({ referenceRange }, 'referenceRange', false)
  checkCalibration(settings)
  return settings
}

function checkGroupSize(size: number, field: string): number {
  if (size === -1 || size > 0) return size
  throw new ConfigError('FIELD_VALUE', `${field} is ${size}, expected a positive integer, or -1 for rows`, {
    ...{ field, found: size, expected: 'a positive integer, or -1 for one group per row' },
    hint: 'Correct the quantization config.',
  })
}

/** `format` is what transformers calls it; llm-awq named itself as the backend. */
function readVersion(json: JsonObject): string {
  if (typeof json.backend === 'string' && json.backend.toLowerCase() === 'llm-awq') return 'llm-awq'
  const field = json.version == null ? 'format' : 'version'
  const found = readString(json, field, DEFAULTS.version)
  const version = found.toLowerCase()
  if (Object.hasOwn(VERSIONS, version)) return version
  const names = Object.keys(VERSIONS)
  const why = MADE_FOR_KERNELS.includes(version) ? ': these tensors are arranged for one GPU kernel' : ''
  throw new ConfigError(
    'AWQ_VERSION',
    `${field} is ${JSON.stringify(found)}, expected ${names.map((name) => `"${name}"`).join(', ')}${why}`,
    { field, found, expected: names, hint: 'Use the checkpoint from which this one was converted.' },
  )
}

const MADE_FOR_KERNELS = ['marlin', 'exllama', 'exllamav2', 'ipex']
