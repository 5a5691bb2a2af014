import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { SANDWICH_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { gemmaScoreSize, gemmaScoreSizeOf, windowMetadata, windowsOfGguf } from './gguf-limits.js'

/** Gemma 2: norms before and behind both branches, every other layer with a window, scores and logits capped. */
export const gemma2 = decoderFamily({
  names: ['Gemma2ForCausalLM'],
  modelTypes: ['gemma2'],
  revision: 2,
  defaults: {
    max_position_embeddings: 8192,
    head_dim: 256,
    num_key_value_heads: 4,
    tie_word_embeddings: true,
  },
  choose(read, { hidden, headSize, positions, layers }) {
    const windows = readWindows(
      read,
      readLayerKinds(read, layers, (index) => index % 2 === 0),
      positions,
      4096,
    )
    const rope = readRope(read, { headSize, positions })
    const bias = read.flag('attention_bias')
    const scale = read.number('query_pre_attn_scalar', 256) ** -0.5
    const softCap = read.cap('attn_logit_softcapping', 50)
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6), { offset: 1 }),
      names: { norms: SANDWICH_NORMS },
      attention: (index) => ({ bias, outputBias: bias, rope, scale, softCap, window: windows[index] }),
      mlp: { activation: read.activation('hidden_activation', 'gelu_pytorch_tanh') },
      input: { scale: Math.fround(Math.sqrt(hidden)) },
      output: { softCap: read.cap('final_logit_softcapping', 30) },
    }
  },
  gguf: {
    architecture: 'gemma2',
    activation: 'gelu',
    output: 'token table',
    scoreSize: (config) => gemmaScoreSize(config, 46),
    metadata: ({ layers, output, maxPositions }) => ({
      // Without it llama.cpp has a window of 4096 tokens.
      'attention.sliding_window': { u32: maxPositions },
      ...windowMetadata(layers),
      attn_logit_softcapping: { f32: layers[0]!.attention.softCap ?? 0 },
      final_logit_softcapping: { f32: output.softCap ?? 0 },
    }),
    config: (read, { head_dim: headSize }) => ({
      ...{ hidden_activation: 'gelu_pytorch_tanh', attention_bias: false },
      ...windowsOfGguf(read, { period: 2, window: 4096 }),
      query_pre_attn_scalar: gemmaScoreSizeOf(read, headSize, 46),
      attn_logit_softcapping: read.number('attn_logit_softcapping', 50),
      final_logit_softcapping: read.number('final_logit_softcapping', 30),
    }),
  },
  onnxModelTypes: ['gemma2'],
})
