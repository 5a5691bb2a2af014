import type { CalibrationData } from './calibration-data.js'

/** What a model is calibrated with, and how much of it is held in memory. */
export interface CalibrationSettings {
  readonly dataset: CalibrationData
  /** Sequences at most. */
  readonly samples: number
  /** Tokens of a sequence that texts are cut into; null: 2048, or as many as the model takes. */
  readonly sequenceLength: number | null
  /** Bytes of hidden states that stay in memory; what goes beyond lies in a file. */
  readonly maxHiddenBytes: number
}
