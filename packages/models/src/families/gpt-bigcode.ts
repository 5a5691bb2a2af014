import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { innerUnlike } from './gguf-limits.js'
import { attentionScale, GPT_NAMES } from './gpt-names.js'
import { scaledActivation } from './scaled-activation.js'

/** GPT BigCode (SantaCoder, StarCoder): GPT-2 with one head of keys and values for all queries. */
export const gptBigcode = decoderFamily({
  names: ['GPTBigCodeForCausalLM'],
  modelTypes: ['gpt_bigcode'],
  revision: 2,
  defaults: {
    n_positions: 1024,
    activation_function: 'gelu_pytorch_tanh',
    tie_word_embeddings: true,
    head_dim: null,
  },
  choose(read, { heads, headSize }) {
    const shares = read.flag('multi_query', true)
    const scale = attentionScale(read, headSize)
    return {
      norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
      attention: (index) => ({
        ...{ kvHeads: shares ? 1 : heads, projections: shares ? 'concatenated' : 'grouped' },
        ...{ bias: true, outputBias: true, scale: scale(index) },
      }),
      mlp: { kind: 'plain', bias: true },
      input: { positionOffset: 0 },
      checkpoint: [scaledActivation('mlp.act', 'mlp.c_proj')],
      names: GPT_NAMES,
    }
  },
  gguf: { architecture: 'starcoder', activation: 'gelu', biases: 'always', refuses: innerUnlike },
  onnxModelTypes: ['gpt_bigcode'],
  // By it the library would look for a cache with keys and values in one tensor.
  onnxWithout: ['multi_query'],
})
