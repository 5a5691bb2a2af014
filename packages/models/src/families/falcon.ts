import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { BLOOM_NAMES } from './bloom-names.js'
import { innerUnlike } from './gguf-limits.js'
import { scaledActivation } from './scaled-activation.js'

/** Falcon: three generations of attention and of norms, rotary positions or linear biases. */
export const falcon = decoderFamily({
  names: ['FalconForCausalLM', 'RWForCausalLM'],
  modelTypes: ['falcon', 'RefinedWeb', 'RefinedWebModel'],
  revision: 2,
  defaults: { activation: 'gelu', tie_word_embeddings: true, head_dim: null },
  choose(read, { heads, kvHeads, headSize, positions }) {
    const isNew = read.flag('new_decoder_architecture')
    const sharesAll = !isNew && read.flag('multi_query', true)
    const isParallel = isNew || read.flag('parallel_attn', true)
    const bias = read.flag('bias')
    const hasTwo = isNew && read.number('num_ln_in_parallel_attn', 2) === 2
    return {
      norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
      residual: { kind: isParallel ? 'parallel' : 'pre' },
      attention: {
        kvHeads: isNew ? kvHeads : sharesAll ? 1 : heads,
        ...{ projections: sharesAll ? 'concatenated' : 'grouped', bias, outputBias: bias },
        ...(read.flag('alibi')
          ? { linearBias: headSize ** -0.5 }
          : { rope: readRope(read, { headSize, positions }) }),
      },
      mlp: { kind: 'plain', bias },
      checkpoint: [scaledActivation('mlp.act', 'mlp.dense_4h_to_h')],
      names: { ...BLOOM_NAMES, norms: hasTwo ? TWO_NORMS : isParallel ? ONE_NORM : NORMS },
    }
  },
  gguf: {
    architecture: 'falcon',
    activation: 'gelu',
    refuses: (config) => {
      if (config.residual.kind !== 'parallel') return 'attention and MLP follow each other'
      if (config.layers[0]!.attention.linearBias !== undefined) return 'it has linear biases'
      return innerUnlike(config)
    },
    // With two norms, the second of llama.cpp is that of attention.
    names: ({ names }) =>
      names.norms.mlpIn === undefined ? {} : { attentionIn: 'attn_norm_2', mlpIn: 'attn_norm' },
  },
  onnxModelTypes: ['falcon'],
  // By it the library would look for a cache with keys and values in one tensor.
  onnxWithout: ['multi_query'],
})

const ONE_NORM = { attentionIn: 'input_layernorm' }
const NORMS = { ...ONE_NORM, mlpIn: 'post_attention_layernorm' }
const TWO_NORMS = { attentionIn: 'ln_attn', mlpIn: 'ln_mlp' }
