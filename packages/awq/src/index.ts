export { awq, awq as quantizer } from './awq.js'
export { AwqConfig, type AwqConfigOptions } from './config/awq-config.js'
export type { AwqSettings } from './config/settings.js'
export { type RecipeOptions, recipes } from './recipes.js'
