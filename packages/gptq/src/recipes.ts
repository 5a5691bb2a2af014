import { calibrationOptions, type RecipeOptions } from '@hfquant/calibrate'
import { GPTQConfig, type GPTQConfigOptions } from './config/gptq-config.js'

/** The paper's value: with Hessians in float32 and factors in float64 more damping only costs accuracy. */
const RECIPE_DAMPING = 0.01

const calibrated =
  (options: GPTQConfigOptions) =>
  (given: RecipeOptions = {}): GPTQConfig =>
    new GPTQConfig({ dampPercent: RECIPE_DAMPING, ...options, ...calibrationOptions(given) })

const rounded = (options: GPTQConfigOptions) => (): GPTQConfig =>
  new GPTQConfig({ ...options, method: 'rtn' })

/**
 * Configurations by the name that the command line gives them: symmetric, in the group-aware order. Those that begin with
 * "rtn" round to the nearest on the same grid, for comparison.
 */
export const recipes: Readonly<Record<string, (options?: RecipeOptions) => GPTQConfig>> = {
  'gptq-int4': calibrated({ bits: 4, groupSize: 128 }),
  'gptq-int4-g32': calibrated({ bits: 4, groupSize: 32 }),
  'gptq-int8': calibrated({ bits: 8, groupSize: 128 }),
  'gptq-int3-g32': calibrated({ bits: 3, groupSize: 32 }),
  'gptq-int2-g32': calibrated({ bits: 2, groupSize: 32 }),
  'rtn-int4': rounded({ bits: 4, groupSize: 128 }),
  'rtn-int4-g32': rounded({ bits: 4, groupSize: 32 }),
  'rtn-int8': rounded({ bits: 8, groupSize: 128 }),
  'rtn-int3-g32': rounded({ bits: 3, groupSize: 32 }),
  'rtn-int2-g32': rounded({ bits: 2, groupSize: 32 }),
}
