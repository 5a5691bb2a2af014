export type { Entity } from './decode/entities.js'
export { GLiNER, type LoadGlinerOptions } from './gliner.js'
export type { PredictOptions, TextSpan } from './predict-options.js'
export type { Labels } from './text/read-labels.js'
