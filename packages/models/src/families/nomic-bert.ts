import { readRope } from '../config/read-rope.js'
import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** Nomic BERT (Nussbaum et al. 2024): BERT with rotary positions, a gated MLP, and no biases. */
export const nomicBert = encoderFamily({
  classes: ['NomicBert'],
  modelTypes: ['nomic_bert'],
  onnxModelTypes: ['nomic_bert'],
  revision: 1,
  defaults: { max_position_embeddings: 2048, type_vocab_size: 2, hidden_act: 'silu' },
  choose(read, sizes) {
    // Choices of the code that came with the first files.
    for (const key of ['prenorm', 'parallel_block', 'use_rms_norm', 'rotary_emb_interleaved', 'causal']) {
      read.only(key, false, 'norms stand behind the branches, and heads turn as halves')
    }
    for (const key of ['qkv_proj_bias', 'mlp_fc1_bias', 'mlp_fc2_bias']) {
      read.only(key, false, 'projections have no biases')
    }
    read.only('rotary_emb_fraction', 1, 'whole heads turn')
    read.only('moe_every_n_layers', 0, 'layers have one MLP')
    const { headSize, positions } = sizes
    return {
      norm: layerNorm(read.number(['layer_norm_eps', 'layer_norm_epsilon'], 1e-12)),
      tokens: { positions: undefined },
      attention: {
        projections: 'concatenated',
        bias: false,
        outputBias: false,
        rope: readRope(read, {
          ...{ headSize, positions, theta: 1000 },
          thetaKeys: ['rope_theta', 'rotary_emb_base'],
        }),
      },
      mlp: { kind: 'gated', bias: false },
      names: {
        prefix: '',
        embeddingNorm: 'emb_ln',
        layers: 'encoder.layers',
        projections: 'attn.Wqkv',
        output: 'attn.out_proj',
        gate: 'mlp.fc12',
        up: 'mlp.fc11',
        down: 'mlp.fc2',
        norms: { attentionOut: 'norm1', mlpOut: 'norm2' },
      },
    }
  },
})
