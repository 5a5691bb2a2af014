import type { GraphValue } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'

/** Names of inputs and outputs of decoders, some of which encoders have as well, and of dimensions that are known when the graph runs. */
export const PORTS = {
  inputIds: 'input_ids', // int64 [batch_size, sequence_length]
  attentionMask: 'attention_mask', // int64 [batch_size, total_sequence_length]
  tokenTypes: 'token_type_ids', // int64 [batch_size, sequence_length], of encoders
  // Of decoders whose tables are a graph of their own, what it gives.
  embeddings: 'inputs_embeds', // [batch_size, sequence_length, hiddenSize]
  layerInputs: 'per_layer_inputs', // [batch_size, sequence_length, layers, size]
  positionIds: 'position_ids', // int64 [batch_size, sequence_length]
  logitsToKeep: 'num_logits_to_keep', // int64 []: rows from the end, 0 for all
  pastKey: (layer: number) => `past_key_values.${layer}.key`, // [batch_size, heads, past, headSize]
  pastValue: (layer: number) => `past_key_values.${layer}.value`,
  logits: 'logits', // float32 [batch_size, rows, vocabulary]
  // Of encoders, beside logits of theirs.
  hiddenStates: 'last_hidden_state', // float32 [batch_size, sequence_length, hiddenSize]
  sentences: 'sentence_embedding', // float32 [batch_size, width]
  presentKey: (layer: number) => `present.${layer}.key`, // [batch_size, heads, total, headSize]
  presentValue: (layer: number) => `present.${layer}.value`,
} as const

/** The library makes empty caches by this name; every other symbol becomes 0. */
export const BATCH = 'batch_size'
export const SEQUENCE = 'sequence_length'
export const PAST = 'past_sequence_length'
export const TOTAL = 'total_sequence_length'

/** An input whose dimensions the library knows by these names. */
export const tokenInput = (graph: Graph, name: string, length: string): GraphValue =>
  graph.input(name, 'int64', [BATCH, length])
