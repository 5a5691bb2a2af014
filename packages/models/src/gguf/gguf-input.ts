import type { JsonObject } from '@hfquant/core'
import type { GgufReader } from './gguf-reader.js'

/** How the config.json of a family is rebuilt from its GGUF files. */
export interface GgufInput {
  /** `general.architecture` */
  readonly architecture: string
  /** @param ropeDivisors values of the tensor `rope_freqs.weight`, where there is one. */
  config(read: GgufReader, ropeDivisors: Float32Array | undefined): JsonObject
}
