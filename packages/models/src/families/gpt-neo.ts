import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { GPT_NAMES } from './gpt-names.js'

/** GPT Neo: GPT-2 without scaled scores, every other layer with a window. */
export const gptNeo = decoderFamily({
  names: ['GPTNeoForCausalLM'],
  modelTypes: ['gpt_neo'],
  revision: 1,
  defaults: { activation_function: 'gelu_new', tie_word_embeddings: true, head_dim: null },
  choose(read, { layers, positions }) {
    const kinds = attentionKinds(read, layers)
    const window = read.size('window_size', 256)
    return {
      norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
      attention: (index) => ({
        ...{ outputBias: true, scale: 1 },
        window: kinds[index] === 'local' && window < positions ? window : undefined,
      }),
      mlp: { kind: 'plain', bias: true },
      input: { positionOffset: 0 },
      names: {
        ...GPT_NAMES,
        query: 'attn.attention.q_proj',
        key: 'attn.attention.k_proj',
        value: 'attn.attention.v_proj',
        output: 'attn.attention.out_proj',
      },
    }
  },
  onnxModelTypes: ['gpt_neo'],
})

/** `attention_types` holds lists of kinds, and how often each is repeated: of no more rounds than there are layers. */
function attentionKinds(read: ConfigReader, layers: number): readonly unknown[] {
  const { attention_types: listed } = read.json
  if (listed === undefined || listed === null) {
    return Array.from({ length: layers }, (_, index) => (index % 2 === 0 ? 'global' : 'local'))
  }
  const kinds: unknown[] = []
  for (const entry of Array.isArray(listed) ? listed : []) {
    const [names, times] = Array.isArray(entry) ? entry : []
    if (!Array.isArray(names) || typeof times !== 'number' || names.length === 0) break
    for (let round = 0; round < times && kinds.length < layers; round++) {
      kinds.push(...names.slice(0, layers - kinds.length))
    }
  }
  if (kinds.length === layers && kinds.every((kind) => kind === 'global' || kind === 'local')) return kinds
  throw invalidField('attention_types', listed, `the kinds "global" and "local" of ${layers} layers`)
}
