import type { CalibrationData } from '@hfquant/calibrate'
import { AwqConfig, type AwqConfigOptions } from './config/awq-config.js'

/** What a recipe has to be given, and what it may be. */
export interface RecipeOptions {
  readonly calibration?: CalibrationData | undefined
  /** Sequences at most. */
  readonly samples?: number | undefined
  /** Tokens of a sequence. */
  readonly sequenceLength?: number | undefined
}

const calibrated =
  (options: AwqConfigOptions) =>
  ({ calibration, samples, sequenceLength }: RecipeOptions = {}): AwqConfig =>
    new AwqConfig({
      ...options,
      ...(calibration !== undefined && { dataset: calibration }),
      ...(samples !== undefined && { samples }),
      ...(sequenceLength !== undefined && { sequenceLength }),
    })

/** Configurations by the name that the command line gives them. */
export const recipes: Readonly<Record<string, (options?: RecipeOptions) => AwqConfig>> = {
  'awq-int4': calibrated({ groupSize: 128 }),
  'awq-int4-g32': calibrated({ groupSize: 32 }),
}
