export { compressedTensors, compressedTensors as quantizer } from './compressed-tensors.js'
export type { CompressedTensorsSettings } from './config/settings.js'
export { recipes } from './recipes.js'
