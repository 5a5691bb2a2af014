import { decoderFamily } from '../decoder/decoder-family.js'
import { mistralChoices } from './mistral.js'

/** Ministral: Mistral under another name, some of whose layers have no window where `layer_types` says so. */
export const ministral = decoderFamily({
  names: ['MinistralForCausalLM'],
  modelTypes: ['ministral'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, num_key_value_heads: 8 },
  choose: mistralChoices,
  onnxModelTypes: ['ministral'],
})
