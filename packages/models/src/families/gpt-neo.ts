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

/** `attention_types` holds lists of kinds, and how often each is repeated. */
function attentionKinds(read: ConfigReader, layers: number): readonly unknown[] {
  const listed = (read.json.attention_types ?? [[['global', 'local'], Math.ceil(layers / 2)]]) as [
    unknown[],
    number,
  ][]
  const isList =
    Array.isArray(listed) && listed.every((entry) => Array.isArray(entry) && Array.isArray(entry[0]))
  const kinds = isList
    ? listed.flatMap(([names, times]) => Array.from({ length: Math.min(times, layers) }, () => names).flat())
    : []
  if (kinds.length >= layers && kinds.every((kind) => kind === 'global' || kind === 'local')) return kinds
  throw invalidField('attention_types', listed, `the kinds "global" and "local" of ${layers} layers`)
}
