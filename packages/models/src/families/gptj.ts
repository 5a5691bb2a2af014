import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { GPT_NAMES } from './gpt-names.js'
import { scaledActivation } from './scaled-activation.js'

/** GPT-J: attention and MLP side by side, neighbours turned against each other. */
export const gptj = decoderFamily({
  names: ['GPTJForCausalLM'],
  modelTypes: ['gptj'],
  revision: 2,
  defaults: { activation_function: 'gelu_new', head_dim: null },
  choose(read, { headSize, positions }) {
    const width = read.size('rotary_dim', 64)
    return {
      norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
      residual: { kind: 'parallel' },
      attention: { rope: readRope(read, { headSize, positions, width, order: 'pairs' }) },
      mlp: { kind: 'plain', bias: true },
      output: { bias: true },
      checkpoint: [scaledActivation('mlp.act', 'mlp.fc_out')],
      names: {
        ...GPT_NAMES,
        query: 'attn.q_proj',
        key: 'attn.k_proj',
        value: 'attn.v_proj',
        output: 'attn.out_proj',
        up: 'mlp.fc_in',
        down: 'mlp.fc_out',
        norms: { attentionIn: 'ln_1' },
      },
    }
  },
  onnxModelTypes: ['gptj'],
})
