import type { CalibrationData } from './calibration-data.js'

/** What a recipe that calibrates has to be given, and what it may be. */
export interface RecipeOptions {
  readonly calibration?: CalibrationData | undefined
  /** Sequences at most. */
  readonly samples?: number | undefined
  /** Tokens of a sequence. */
  readonly sequenceLength?: number | undefined
}

interface CalibrationOptions {
  readonly dataset?: CalibrationData
  readonly samples?: number
  readonly sequenceLength?: number
}

/** The same by the names that configurations have for it. */
export const calibrationOptions = ({
  calibration,
  samples,
  sequenceLength,
}: RecipeOptions): CalibrationOptions => ({
  ...(calibration !== undefined && { dataset: calibration }),
  ...(samples !== undefined && { samples }),
  ...(sequenceLength !== undefined && { sequenceLength }),
})
