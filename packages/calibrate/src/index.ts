export { calibrateBlocks } from './calibrate-blocks.js'
export type { CalibrationData, CalibrationSample } from './calibration-data.js'
export type {
  BlockMethod,
  CalibrationMethod,
  LevelMethod,
  LevelTools,
  MadeWeight,
  PackedParts,
  SeenBlock,
  SeenGroup,
} from './calibration-method.js'
export type { CalibrationSettings } from './calibration-settings.js'
export { checkCalibration, checkCalibrationData, demandCalibrationData } from './check-calibration.js'
export { joinPanels, PANEL_ROWS, rowEnergies, triangleRoom } from './moments.js'
export { allocateParts, roundToParts } from './packed-parts.js'
export { readWeight } from './read-weight.js'
export { calibrationOptions, type RecipeOptions } from './recipe-options.js'
export { createScratchArrays, rangeOf, type ScratchArrays } from './scratch-arrays.js'
export { eachRows, rowsOf, type SharedWeight, type Workers } from './shared-weight.js'
export type { Stopwatch } from './stopwatch.js'
