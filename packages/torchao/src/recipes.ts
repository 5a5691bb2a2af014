import { CapabilityError } from '@hfquant/core'
import { perGroup, perRow } from './configs/granularity.js'
import { Int4WeightOnlyConfig } from './configs/int4-weight-only.js'
import { Int8DynamicActivationInt8WeightConfig } from './configs/int8-dynamic-activation-int8-weight.js'
import { Int8DynamicActivationIntxWeightConfig } from './configs/int8-dynamic-activation-intx-weight.js'
import { Int8WeightOnlyConfig } from './configs/int8-weight-only.js'
import { TorchAoConfig } from './torchao-config.js'

/** Configurations by the name that the command line gives them. A recipe has no knobs. */
export const recipes: Readonly<Record<string, () => TorchAoConfig>> = {
  'int8-weight-only': () => new TorchAoConfig({ quantType: new Int8WeightOnlyConfig() }),
  'int8-dynamic-act-int8-weight': () =>
    new TorchAoConfig({
      quantType: new Int8DynamicActivationInt8WeightConfig({ granularity: perRow() }),
    }),
  'int8-dynamic-act-int4-weight': () =>
    new TorchAoConfig({
      quantType: new Int8DynamicActivationIntxWeightConfig({
        weightDtype: 'int4',
        weightGranularity: perGroup(32),
      }),
    }),
  'int4-weight-only': () => new TorchAoConfig({ quantType: new Int4WeightOnlyConfig({ groupSize: 128 }) }),
}

/** Recipes that other tools have under these names and that cannot be made here; each throws a CapabilityError. */
export const refusedRecipes: Readonly<Record<string, () => never>> = {
  'float8-dynamic-act-float8-weight': () =>
    refuse(
      'float8-dynamic-act-float8-weight',
      'ONNX Runtime has no product of float8 numbers, so it would only cost accuracy',
      'Use int8-dynamic-act-int8-weight, which is as small.',
    ),
  'float8-dynamic-act-int4-weight': () =>
    refuse(
      'float8-dynamic-act-int4-weight',
      'its weights are stored in the order of one kernel of one accelerator',
      'Use int8-dynamic-act-int4-weight or int4-weight-only.',
    ),
}

function refuse(recipe: string, reason: string, hint: string): never {
  throw new CapabilityError(
    'RECIPE_UNAVAILABLE',
    `recipe "${recipe}" is not available on this runtime: ${reason}`,
    {
      field: 'recipe',
      found: recipe,
      expected: Object.keys(recipes),
      hint,
    },
  )
}
