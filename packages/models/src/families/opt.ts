import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** OPT: learned positions from row 2 on; the one with 350 million parameters has its norms behind the branches. */
export const opt = decoderFamily({
  names: ['OPTForCausalLM'],
  modelTypes: ['opt'],
  revision: 1,
  defaults: { activation_function: 'relu', tie_word_embeddings: true, head_dim: null },
  choose(read, { hidden }) {
    read.only('layer_norm_elementwise_affine', true, 'norms have weights')
    const bias = read.flag('enable_bias', true)
    const isBefore = read.flag('do_layer_norm_before', true)
    const [first, second] = ['self_attn_layer_norm', 'final_layer_norm']
    return {
      norm: layerNorm(1e-5),
      residual: { kind: isBefore ? 'pre' : 'post' },
      attention: { bias, outputBias: bias },
      mlp: { kind: 'plain', bias },
      input: { positionOffset: 2, embeddingSize: read.size('word_embed_proj_dim', hidden) },
      output: { norm: isBefore && !read.flag('_remove_final_layer_norm') },
      names: {
        base: 'model.decoder',
        finalNorm: 'final_layer_norm',
        output: 'self_attn.out_proj',
        up: 'fc1',
        down: 'fc2',
        norms: isBefore ? { attentionIn: first, mlpIn: second } : { attentionOut: first, mlpOut: second },
      },
    }
  },
  onnxModelTypes: ['opt'],
})
