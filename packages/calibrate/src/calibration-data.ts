/** A text, or token ids that are used as they are. */
export type CalibrationSample = string | readonly number[]

/**
 * What a model is calibrated with: samples, a source of samples, or a file. A file whose name ends in .jsonl has a JSON
 * string, or an object with `text`, per line; any other is a text whose paragraphs are separated by blank lines.
 */
export type CalibrationData =
  | readonly CalibrationSample[]
  | AsyncIterable<CalibrationSample>
  | { readonly file: string }

/** @returns undefined for a value that is no calibration data. */
export function asCalibrationData(value: unknown): CalibrationData | undefined {
  if (Array.isArray(value)) {
    const isSample = (item: unknown) =>
      typeof item === 'string' || (Array.isArray(item) && item.every((id) => typeof id === 'number'))
    return value.every(isSample) ? (value as CalibrationSample[]) : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (Symbol.asyncIterator in value) return value as AsyncIterable<CalibrationSample>
  return typeof (value as { file?: unknown }).file === 'string' ? (value as { file: string }) : undefined
}
