import { calibrationOptions, type RecipeOptions } from '@hfquant/calibrate'
import { AwqConfig, type AwqConfigOptions } from './config/awq-config.js'

const calibrated =
  (options: AwqConfigOptions) =>
  (given: RecipeOptions = {}): AwqConfig =>
    new AwqConfig({ ...options, ...calibrationOptions(given) })

/** Configurations by the name that the command line gives them. */
export const recipes: Readonly<Record<string, (options?: RecipeOptions) => AwqConfig>> = {
  'awq-int4': calibrated({ groupSize: 128 }),
  'awq-int4-g32': calibrated({ groupSize: 32 }),
}
