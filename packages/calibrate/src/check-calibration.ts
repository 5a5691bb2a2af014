import { ConfigError, quote } from '@hfquant/core/runtime'
import { asCalibrationData, type CalibrationData } from './calibration-data.js'
import type { CalibrationSettings } from './calibration-settings.js'

/**
 * What a configuration says of calibration.
 *
 * @throws ConfigError FIELD_VALUE that names the field.
 */
export function checkCalibration({
  dataset,
  ...counts
}: Omit<CalibrationSettings, 'dataset'> & { readonly dataset: unknown }): void {
  if (dataset !== null) checkCalibrationData(dataset)
  const { samples, sequenceLength, maxHiddenBytes } = counts
  for (const [field, value] of Object.entries({ samples, sequenceLength, maxHiddenBytes })) {
    if (value === null || (Number.isSafeInteger(value) && value > 0)) continue
    throw new ConfigError('FIELD_VALUE', `${field} is ${quote(value)}, expected a positive integer`, {
      ...{ field, found: value, expected: 'a positive integer', hint: 'Correct the quantization config.' },
    })
  }
}

/** @throws ConfigError FIELD_VALUE for what is no calibration data, such as the name of a data set. */
export function checkCalibrationData(dataset: unknown): CalibrationData {
  const data = asCalibrationData(dataset)
  if (data !== undefined) return data
  const found = typeof dataset === 'string' ? dataset : typeof dataset
  throw new ConfigError('FIELD_VALUE', `dataset is ${quote(found)}, expected ${EXPECTED}`, {
    ...{ field: 'dataset', found, expected: EXPECTED },
    hint: 'Data sets are not downloaded: pass their texts, or the name of a file.',
  })
}

/**
 * @param name of the method, for the message.
 * @throws ConfigError CALIBRATION_MISSING where there is no calibration data.
 */
export function demandCalibrationData(name: string, dataset: CalibrationData | null): void {
  if (dataset !== null) return
  throw new ConfigError('CALIBRATION_MISSING', `${name} quantizes with calibration data, and there is none`, {
    field: 'dataset',
    expected: EXPECTED,
    hint: "Pass texts: `dataset` in code, --calibration FILE to `hfquant quantize`. Rounding to the nearest needs none: `method: 'rtn'` in code, a recipe rtn-* on the command line.",
  })
}

const EXPECTED = 'texts, lists of token ids, or { file }'
