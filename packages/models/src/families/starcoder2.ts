import { readEveryWindow } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { innerUnlike, widthUnlike } from './gguf-limits.js'
import { scaledActivation } from './scaled-activation.js'

/** StarCoder 2: layer norms and biases, rotary positions, a plain MLP. */
export const starcoder2 = decoderFamily({
  names: ['Starcoder2ForCausalLM'],
  modelTypes: ['starcoder2'],
  revision: 2,
  defaults: {
    max_position_embeddings: 4096,
    hidden_act: 'gelu_pytorch_tanh',
    num_key_value_heads: 2,
    tie_word_embeddings: true,
  },
  choose(read, { headSize, positions, layers }) {
    const windows = readEveryWindow(read, { layers, positions })
    const rope = readRope(read, { headSize, positions })
    const bias = read.flag('use_bias', true)
    return {
      norm: layerNorm(read.number('norm_epsilon', 1e-5)),
      attention: (index) => ({ bias, outputBias: bias, rope, window: windows[index] }),
      mlp: { kind: 'plain', bias },
      checkpoint: [scaledActivation('mlp.act', 'mlp.c_proj')],
      names: { up: 'mlp.c_fc', down: 'mlp.c_proj' },
    }
  },
  gguf: {
    architecture: 'starcoder2',
    activation: 'gelu',
    biases: 'always',
    refuses: (config) => widthUnlike(config) ?? innerUnlike(config),
  },
  onnxModelTypes: ['starcoder2'],
})
