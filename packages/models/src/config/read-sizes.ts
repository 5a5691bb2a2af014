import { type ConfigReader, invalidField } from './config-reader.js'

/** The dimensions that every decoder has. */
export interface Sizes {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  /** Width of the MLP. */
  readonly inner: number
  readonly vocabulary: number
  readonly positions: number
}

/** Ten times as many as the deepest model; every layer takes memory before a weight is read. */
export const MAX_LAYERS = 2000

/** The names that transformers has given each dimension in its families, the newest first. */
export function readSizes(read: ConfigReader): Sizes {
  const hidden = read.size(['hidden_size', 'n_embd', 'n_embed', 'dim'])
  const heads = read.size(['num_attention_heads', 'n_head', 'num_heads', 'n_heads'])
  const kvHeads = read.size(['num_key_value_heads', 'num_kv_heads', 'n_head_kv'], heads)
  demandDivisor('num_key_value_heads', kvHeads, heads)
  return {
    hidden,
    heads,
    kvHeads,
    headSize: read.size('head_dim', Math.max(1, Math.floor(hidden / heads))),
    layers: read.size(['num_hidden_layers', 'n_layer', 'num_layers', 'n_layers'], undefined, MAX_LAYERS),
    inner: read.size(
      ['intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size', 'hidden_dim'],
      4 * hidden,
    ),
    vocabulary: read.size('vocab_size'),
    positions: read.size(['max_position_embeddings', 'n_positions', 'n_ctx'], 2048),
  }
}

/**
 * Every key/value head serves the same number of queries.
 *
 * @throws ConfigError FIELD_VALUE naming the field of the key/value heads.
 */
export function demandDivisor(field: string, kvHeads: number, heads: number): void {
  if (heads % kvHeads === 0) return
  throw invalidField(field, kvHeads, `a divisor of num_attention_heads (${heads})`)
}
