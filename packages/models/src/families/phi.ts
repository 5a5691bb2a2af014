import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { innerUnlike } from './gguf-limits.js'

/** Phi 1 and 2: attention and MLP side by side, half of each head turned. */
export const phi = decoderFamily({
  names: ['PhiForCausalLM'],
  modelTypes: ['phi'],
  revision: 2,
  defaults: { hidden_act: 'gelu_new', head_dim: null },
  choose(read, { headSize, positions }) {
    const norm = layerNorm(read.number('layer_norm_eps', 1e-5))
    const rope = readRope(read, { headSize, positions, partial: 0.5 })
    return {
      norm,
      residual: { kind: 'parallel' },
      attention: {
        ...{ bias: true, outputBias: true, rope },
        ...(read.flag('qk_layernorm') && { headNorm: { over: 'head', norm } }),
      },
      mlp: { kind: 'plain', bias: true },
      output: { bias: true },
      names: {
        output: 'self_attn.dense',
        queryNorm: 'self_attn.q_layernorm',
        keyNorm: 'self_attn.k_layernorm',
        up: 'mlp.fc1',
        down: 'mlp.fc2',
        finalNorm: 'final_layernorm',
        norms: { attentionIn: 'input_layernorm' },
      },
    }
  },
  gguf: {
    architecture: 'phi2',
    activation: 'gelu',
    biases: 'always',
    output: 'own matrix',
    refuses: (config) =>
      config.layers[0]!.attention.headNorm === undefined
        ? innerUnlike(config)
        : 'it has norms of queries and keys',
  },
  onnxModelTypes: ['phi'],
})
