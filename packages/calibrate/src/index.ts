export { calibrateBlocks } from './calibrate-blocks.js'
export { asCalibrationData, type CalibrationData, type CalibrationSample } from './calibration-data.js'
export type {
  CalibrationMethod,
  LevelTools,
  MadeWeight,
  PackedParts,
  SeenGroup,
} from './calibration-method.js'
export type { CalibrationSettings } from './calibration-settings.js'
export { readWeight } from './read-weight.js'
export { createScratchArrays, rangeOf, type ScratchArrays } from './scratch-arrays.js'
export { eachRows, rowsOf, type SharedWeight, type Workers } from './shared-weight.js'
export type { Stopwatch } from './stopwatch.js'
