import type { FineGrainedFP8Config } from './fine-grained-fp8-config.js'

/** None: fp8 in blocks loses ten times what int8 per row does, in as many bits. It is for servers that want it. */
export const recipes: Readonly<Record<string, () => FineGrainedFP8Config>> = {}
