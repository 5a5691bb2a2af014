export { bitsandbytes, bitsandbytes as quantizer } from './bitsandbytes.js'
export { BitsAndBytesConfig, type BitsAndBytesOptions } from './bitsandbytes-config.js'
export { recipes } from './recipes.js'
export type { BitsAndBytesSettings, StorageDtype } from './settings.js'
