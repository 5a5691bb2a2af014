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
  const expected = 'texts, lists of token ids, or { file }'
  throw new ConfigError('FIELD_VALUE', `dataset is ${quote(found)}, expected ${expected}`, {
    ...{ field: 'dataset', found, expected },
    hint: 'Data sets are not downloaded: pass their texts, or the name of a file.',
  })
}
