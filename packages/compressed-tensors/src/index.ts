export { compressedTensors, compressedTensors as quantizer } from './compressed-tensors.js'
export {
  CompressedTensorsConfig,
  type CompressedTensorsOptions,
  type QuantizationArgs,
  type QuantizationScheme,
} from './compressed-tensors-config.js'
export type { CompressedTensorsSettings } from './config/settings.js'
export { recipes } from './recipes.js'
