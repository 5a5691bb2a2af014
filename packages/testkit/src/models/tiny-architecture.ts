import type { JsonObject } from '@hfquant/core'
import { type DescribeOptions, describeModel, type ImportArchitecture } from '@hfquant/models'
import { writeShell } from './write-checkpoint.js'

/** How large a tiny model is. The defaults are divided by every common group and block size. */
export interface ArchitectureSize {
  readonly layers: number
  readonly hidden: number
  /** Width of the MLP. */
  readonly inner: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly positions: number
}

const DEFAULT_SIZE: ArchitectureSize = {
  layers: 2,
  hidden: 128,
  inner: 256,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  vocabulary: 96,
  positions: 256,
}

/** The names that families give each size in config.json. */
const KEYS: Readonly<Record<keyof ArchitectureSize, readonly string[]>> = {
  layers: ['num_hidden_layers', 'n_layer', 'num_layers', 'n_layers'],
  hidden: [
    ...['hidden_size', 'n_embd', 'n_embed', 'dim', 'word_embed_proj_dim'],
    'hidden_size_per_layer_input',
  ],
  inner: [
    ...['intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size'],
    ...['moe_intermediate_size', 'shared_expert_intermediate_size', 'shared_intermediate_size'],
    ...['q_lora_rank', 'kv_lora_rank', 'hidden_dim'],
  ],
  heads: ['num_attention_heads', 'n_head', 'num_heads', 'n_heads'],
  kvHeads: ['num_key_value_heads', 'num_kv_heads'],
  headSize: ['head_dim', 'qk_nope_head_dim', 'v_head_dim'],
  vocabulary: ['vocab_size', 'vocab_size_per_layer_input'],
  positions: ['max_position_embeddings', 'n_positions', 'n_ctx'],
}

/** What follows from sizes, and would contradict others. */
const DEPENDENT = ['no_rope_layers', 'attention_layers', 'attention_types', 'rope_scaling']

/** A config.json of a family with other sizes; what it says beside them stays. */
export function tinyConfig(config: JsonObject, size: Partial<ArchitectureSize> = {}): JsonObject {
  const { num_kv_shared_layers: shared = 0, num_hidden_layers: layers } = config
  // Which layer reads the cache of which one follows from all of their kinds.
  const keepsLayers = Number(shared) > 0
  const wanted = { ...DEFAULT_SIZE, ...(keepsLayers && { layers: Number(layers) }), ...size }
  const isShort = (key: string, value: unknown) =>
    key === 'layer_types' && (value as readonly unknown[]).length < wanted.layers
  const entries = Object.entries(config).filter(
    ([key, value]) => keepsLayers || !(DEPENDENT.includes(key) || isShort(key, value)),
  )
  const sizeOf = (key: string) =>
    (Object.keys(KEYS) as (keyof ArchitectureSize)[]).find((name) => KEYS[name].includes(key))
  return Object.fromEntries(
    entries.map(([key, value]) => {
      const name = sizeOf(key)
      // Of fewer layers, the first ones.
      if (key === 'layer_types') return [key, (value as JsonObject[string][]).slice(0, wanted.layers)]
      if (key === 'per_layer_config') return [key, largerHeads(value as JsonObject, wanted.headSize)]
      return [key, name === undefined || value === null ? value : wanted[name]]
    }),
  )
}

/** Layers that have heads of their own get them twice as large as the others. */
const largerHeads = (layers: JsonObject, headSize: number): JsonObject =>
  Object.fromEntries(
    Object.entries(layers).map(([index, own]) => [index, { ...(own as JsonObject), head_dim: 2 * headSize }]),
  )

/**
 * Writes a tiny model of a family that is registered, with the names and shapes of its definition, and random weights.
 *
 * @returns the folder.
 */
export async function writeTinyModel(
  folder: string,
  config: JsonObject,
  options: DescribeOptions = {},
): Promise<string> {
  const model = await describeModel(config, nowhere, options)
  return writeShell(folder, model.build('float32'), { config })
}

const nowhere: ImportArchitecture = async () => ({ refused: undefined })

/** Llama, which backends are tried on. */
export const TINY_LLAMA: JsonObject = tinyConfig({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 96,
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  rope_parameters: { rope_type: 'default', rope_theta: 10000 },
  tie_word_embeddings: false,
  bos_token_id: 0,
  eos_token_id: 1,
})
