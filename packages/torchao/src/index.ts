export type { TorchAoBaseConfig } from './configs/base-config.js'
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
  Int8DynamicActivationIntxWeightConfig,
  type Int8DynamicActivationIntxWeightOptions,
  type IntxChooseQParamsAlgorithm,
  type IntxPackingFormat,
  type MappingType,
} from './configs/int8-dynamic-activation-intx-weight.js'
export { Int8WeightOnlyConfig, type Int8WeightOnlyOptions } from './configs/int8-weight-only.js'
export { recipes } from './recipes.js'
export { recoverConfig } from './recover-config.js'
export type { TorchAoSettings } from './settings.js'
export type { IntDtype } from './tensors/intx-tensor.js'
export { type TorchAoBackend, torchao, torchao as quantizer } from './torchao.js'
export { TorchAoConfig, type TorchAoConfigOptions } from './torchao-config.js'
