import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { scaledActivation } from './scaled-activation.js'

/** GPT NeoX (Pythia): attention and MLP side by side behind norms of their own, projections grouped by head. */
export const gptNeox = decoderFamily({
  names: ['GPTNeoXForCausalLM'],
  modelTypes: ['gpt_neox'],
  revision: 2,
  defaults: { hidden_act: 'gelu', head_dim: null },
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias', true)
    const rope = readRope(read, {
      ...{ headSize, positions, partial: 0.25 },
      thetaKeys: ['rope_theta', 'rotary_emb_base'],
    })
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-5)),
      residual: { kind: read.flag('use_parallel_residual', true) ? 'parallel' : 'pre' },
      attention: { projections: 'grouped', bias, outputBias: bias, rope },
      mlp: { kind: 'plain', bias: true },
      checkpoint: [{ from: 'lm_head.', to: 'embed_out.' }, scaledActivation('mlp.act', 'mlp.dense_4h_to_h')],
      names: {
        base: 'gpt_neox',
        embedding: 'embed_in',
        finalNorm: 'final_layer_norm',
        head: 'embed_out',
        projections: 'attention.query_key_value',
        output: 'attention.dense',
        up: 'mlp.dense_h_to_4h',
        down: 'mlp.dense_4h_to_h',
      },
    }
  },
  gguf: {
    architecture: 'gptneox',
    activation: 'gelu',
    biases: 'always',
    output: 'own matrix',
    metadata: ({ residual }) => ({ use_parallel_residual: { bool: residual.kind === 'parallel' } }),
  },
  onnxModelTypes: ['gpt_neox'],
})
