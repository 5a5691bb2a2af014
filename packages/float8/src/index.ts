import type { QuantizerBackend } from '@hfquant/core'
import { fbgemmFp8 } from './fbgemm-fp8.js'
import { fp8 } from './fp8.js'

export { FineGrainedFP8Config, type FineGrainedFP8Options } from './fine-grained-fp8-config.js'

export { recipes } from './recipes.js'
export type { Float8Settings } from './settings.js'

export { fbgemmFp8, fp8, fp8 as quantizer }

/** Every method of the package. */
export const quantizers: readonly QuantizerBackend[] = [fp8, fbgemmFp8]
