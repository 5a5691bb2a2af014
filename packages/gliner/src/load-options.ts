import type { LoadModelOptions } from '@hfquant/transformers'
import { readVariant } from './config/variant.js'

/** Options of `GLiNER.fromPretrained`. */
export interface LoadGlinerOptions
  extends Omit<LoadModelOptions, 'kvCacheDtype' | 'kvCacheMemory' | 'maxSequences' | 'quantizeLmHead'> {
  /** 'fp16' or 'bf16': weights that lie beside the usual ones in that precision. */
  readonly variant?: 'fp16' | 'bf16' | (string & {}) | null | undefined
  /** Of a bi-encoder whose folder has no tokenizer for labels: the folder that has it, or its name on the hub. */
  readonly labelsTokenizer?: string | undefined
}

/** The file that options ask for in place of the usual weights. Throws ConfigError as `fromPretrained`. */
export const weightFileOf = ({ variant, dtype }: LoadGlinerOptions): string | undefined =>
  readVariant(variant, dtype)?.file
