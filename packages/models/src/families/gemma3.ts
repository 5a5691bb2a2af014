import { readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { type DecoderFamily, decoderFamily } from '../decoder/decoder-family.js'
import { embeddingFamily } from '../decoder/embedding-family.js'
import { SANDWICH_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { gemmaScoreSize, gemmaScoreSizeOf, windowMetadata, windowsOfGguf } from './gguf-limits.js'

/** Gemma 3, the text model: five layers with a window to one without, each kind with a rope of its own. */
const family: DecoderFamily = {
  names: ['Gemma3ForCausalLM'],
  modelTypes: ['gemma3_text'],
  revision: 2,
  defaults: {
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    vocab_size: 262208,
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
  },
  choose(read, { hidden, headSize, positions, layers }) {
    const looksBothWays = read.flag('use_bidirectional_attention')
    const period = read.size(['sliding_window_pattern', '_sliding_window_pattern'], 6)
    const kinds = readLayerKinds(read, layers, slidesUnlessEvery(period))
    // Half of a window lies on each side of a token that looks both ways.
    const windows = looksBothWays
      ? readWindows(read, kinds, 2 * positions, 4096).map((window) => window && Math.floor(window / 2) + 1)
      : readWindows(read, kinds, positions, 4096)
    const ropes = {
      full_attention: readRope(read, { headSize, positions, theta: 1e6, kind: 'full_attention' }),
      sliding_attention: readRope(read, {
        ...{ headSize, positions, theta: 1e4, kind: 'sliding_attention' },
        thetaKeys: ['rope_local_base_freq'],
      }),
    }
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-6), { offset: 1 })
    const bias = read.flag('attention_bias')
    const scale = read.number('query_pre_attn_scalar', 256) ** -0.5
    const softCap = read.cap('attn_logit_softcapping')
    return {
      norm,
      names: { norms: SANDWICH_NORMS },
      attention: (index) => ({
        ...{ bias, outputBias: bias, scale, softCap, headNorm: { over: 'head', norm } },
        rope: ropes[kinds[index]!],
        window: windows[index],
      }),
      mlp: { activation: read.activation('hidden_activation', 'gelu_pytorch_tanh') },
      input: { scale: Math.fround(Math.sqrt(hidden)) },
      output: { softCap: read.cap('final_logit_softcapping') },
      looksBothWays,
    }
  },
  gguf: {
    architecture: 'gemma3',
    activation: 'gelu',
    scoreSize: (config) => gemmaScoreSize(config, 62),
    metadata: ({ layers, output }) => ({
      ...windowMetadata(layers),
      ...(output.softCap !== undefined && { final_logit_softcapping: { f32: output.softCap } }),
    }),
    config: (read, { head_dim: headSize, rope_parameters }) => ({
      ...{ hidden_activation: 'gelu_pytorch_tanh', attention_bias: false, attn_logit_softcapping: null },
      ...windowsOfGguf(read, { period: 6, window: 0 }),
      query_pre_attn_scalar: gemmaScoreSizeOf(read, headSize, 62),
      final_logit_softcapping: read.has('final_logit_softcapping')
        ? read.number('final_logit_softcapping')
        : null,
      // Layers with a window turn as they were trained.
      rope_parameters: {
        full_attention: rope_parameters,
        sliding_attention: { rope_type: 'default', rope_theta: read.number('rope.freq_base_swa', 10000) },
      },
    }),
  },
  onnxModelTypes: ['gemma3_text'],
}

export const gemma3 = { ...decoderFamily(family), embedding: embeddingFamily(family, 'Gemma3TextModel') }
