import { perGroup } from './configs/granularity.js'
import { Int8DynamicActivationIntxWeightConfig } from './configs/int8-dynamic-activation-intx-weight.js'
import { Int8WeightOnlyConfig } from './configs/int8-weight-only.js'
import { TorchAoConfig } from './torchao-config.js'

/** Configurations by the name that the command line gives them. A recipe has no knobs. */
export const recipes: Readonly<Record<string, () => TorchAoConfig>> = {
  'int8-weight-only': () => new TorchAoConfig({ quantType: new Int8WeightOnlyConfig() }),
  'int8-dynamic-act-int4-weight': () =>
    new TorchAoConfig({
      quantType: new Int8DynamicActivationIntxWeightConfig({
        weightDtype: 'int4',
        weightGranularity: perGroup(32),
      }),
    }),
}
