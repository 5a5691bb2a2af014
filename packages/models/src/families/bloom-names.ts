import type { DecoderNames } from '../decoder/names.js'

/** What BLOOM, and Falcon after it, call the parts of a model. */
export const BLOOM_NAMES: Partial<DecoderNames> = {
  base: 'transformer',
  embedding: 'word_embeddings',
  layers: 'h',
  finalNorm: 'ln_f',
  projections: 'self_attention.query_key_value',
  output: 'self_attention.dense',
  up: 'mlp.dense_h_to_4h',
  down: 'mlp.dense_4h_to_h',
}
