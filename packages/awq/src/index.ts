export { awq, awq as quantizer } from './awq.js'
export { AwqConfig, type AwqConfigOptions } from './config/awq-config.js'
export type { AwqSettings } from './config/settings.js'
export { recipes } from './recipes.js'
