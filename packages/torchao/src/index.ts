export type { TorchAoBaseConfig } from './configs/base-config.js'
export { FqnToConfig } from './configs/fqn-to-config.js'
export {
  type Granularity,
  type PerAxis,
  type PerGroup,
  type PerRow,
  type PerTensor,
  perAxis,
  perGroup,
  perRow,
  perTensor,
} from './configs/granularity.js'
export {
  type Int4ChooseQParamsAlgorithm,
  type Int4PackingFormat,
  Int4WeightOnlyConfig,
  type Int4WeightOnlyOptions,
} from './configs/int4-weight-only.js'
export {
  Int8DynamicActivationInt8WeightConfig,
  type Int8DynamicActivationInt8WeightOptions,
} from './configs/int8-dynamic-activation-int8-weight.js'
export {
  Int8DynamicActivationIntxWeightConfig,
  type Int8DynamicActivationIntxWeightOptions,
} from './configs/int8-dynamic-activation-intx-weight.js'
export { Int8WeightOnlyConfig, type Int8WeightOnlyOptions } from './configs/int8-weight-only.js'
export type {
  IntxChooseQParamsAlgorithm,
  IntxGranularity,
  IntxPackingFormat,
  MappingType,
} from './configs/intx-settings.js'
export { IntxWeightOnlyConfig, type IntxWeightOnlyOptions } from './configs/intx-weight-only.js'
export { configFromAlias } from './configs/names.js'
export { type ConvertedTensor, type ConvertedWeight, convert } from './convert.js'
export { fakeQuantize } from './fake-quantize.js'
export type { FloatWeight } from './float-weight.js'
export { recipes, refusedRecipes } from './recipes.js'
export { recoverConfig } from './recover-config.js'
export type { TorchAoSettings } from './settings.js'
export type { IntDtype } from './tensors/intx-tensor.js'
export { torchao, torchao as quantizer } from './torchao.js'
export { TorchAoConfig, type TorchAoConfigOptions } from './torchao-config.js'
