export type { HqqSettings, LayerSettings, Width } from './config/settings.js'
export { hqq, hqq as quantizer } from './hqq.js'
