import { readLayerKinds } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

const NORMS = { attentionIn: 'attn_norm', mlpIn: 'mlp_norm' }

/** ModernBERT (Warner et al. 2024): norms before the branches, rotary positions, two layers with a window to one without. */
export const modernbert = encoderFamily({
  classes: ['ModernBert'],
  modelTypes: ['modernbert'],
  onnxModelTypes: ['modernbert'],
  revision: 1,
  defaults: { max_position_embeddings: 8192, type_vocab_size: null, hidden_act: null },
  choose(read, sizes) {
    const { hidden, headSize, positions, layers } = sizes
    const period = read.size('global_attn_every_n_layers', 3)
    const kinds = readLayerKinds(read, layers, (index) => index % period !== 0)
    const window = Math.floor(read.size('local_attention', 128) / 2) + 1
    const ropes = {
      full_attention: readRope(read, {
        ...{ headSize, positions, theta: 160_000, kind: 'full_attention' },
        thetaKeys: ['global_rope_theta'],
      }),
      sliding_attention: readRope(read, {
        ...{ headSize, positions, theta: 10_000, kind: 'sliding_attention' },
        thetaKeys: ['local_rope_theta'],
      }),
    }
    const norm = layerNorm(read.number('norm_eps', 1e-5), { bias: read.flag('norm_bias') })
    const bias = read.flag('attention_bias')
    const head = {
      ...{ path: 'head.dense', inner: hidden, norm: 'head.norm' },
      bias: read.flag('classifier_bias'),
      activation: read.activation('classifier_activation', 'gelu'),
    }
    return {
      norm,
      residual: 'pre',
      tokens: { positions: undefined, types: 0 },
      attention: (index) => ({
        ...{ projections: 'concatenated', bias, outputBias: bias },
        rope: ropes[kinds[index]!],
        window: kinds[index] === 'sliding_attention' ? window : undefined,
      }),
      mlp: { kind: 'fused', bias: read.flag('mlp_bias') },
      // The embeddings have just been normed.
      layers: (index) => (index === 0 ? { norms: { mlpIn: NORMS.mlpIn } } : {}),
      finalNorm: true,
      heads: {
        'sequence-classification': {
          ...{ steps: [head], output: 'classifier' },
          of: read.text('classifier_pooling', 'cls') === 'mean' ? 'mean' : 'first',
        },
        'token-classification': { steps: [head], output: 'classifier' },
        'masked-lm': {
          steps: [head],
          output: 'decoder',
          bias: read.flag('decoder_bias', true) ? 'own' : undefined,
        },
      },
      names: {
        prefix: 'model',
        embedding: 'embeddings.tok_embeddings',
        embeddingNorm: 'embeddings.norm',
        layers: 'layers',
        finalNorm: 'final_norm',
        projections: 'attn.Wqkv',
        output: 'attn.Wo',
        gateUp: 'mlp.Wi',
        down: 'mlp.Wo',
        norms: NORMS,
      },
    }
  },
})
