export type { QuantoSettings } from './config/settings.js'
export { quanto, quanto as quantizer } from './quanto.js'
export { QuantoConfig, type QuantoOptions } from './quanto-config.js'
export { recipes } from './recipes.js'
