export { mxfp4, mxfp4 as quantizer } from './mxfp4.js'
export { Mxfp4Config, type Mxfp4Options } from './mxfp4-config.js'
export { recipes } from './recipes.js'
export type { Mxfp4Settings } from './settings.js'
