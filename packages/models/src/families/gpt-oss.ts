import { readRouting } from '../config/read-experts.js'
import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { windowMetadataAlways, windowsOfGguf } from './gguf-limits.js'

/** GPT-OSS (OpenAI 2025): scores of attention share their weight with a sink, and experts have a clamped gate. */
export const gptOss = decoderFamily({
  names: ['GptOssForCausalLM'],
  modelTypes: ['gpt_oss'],
  revision: 1,
  defaults: {
    ...{ head_dim: 64, max_position_embeddings: 131072 },
    ...{ num_local_experts: 128, num_experts_per_tok: 4 },
  },
  choose(read, { headSize, positions, layers }) {
    read.only('swiglu_limit', 7, 'the Python library has this limit, whatever the file says')
    const kinds = readLayerKinds(read, layers, (index) => index % 2 === 0)
    const windows = readWindows(read, kinds, positions, 128)
    const bias = read.flag('attention_bias', true)
    const rope = readRope(read, { headSize, positions, theta: 150000, scaling: YARN })
    const experts = readRouting(read, 'num_local_experts', { scores: 'softmax', normalize: true })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: (index) => ({ bias, outputBias: bias, rope, sinks: true, window: windows[index] }),
      mlp: {
        ...{ kind: 'clamped', activation: 'quick-gelu', bias: true, storesColumns: true },
        experts: { ...experts, routerBias: true, together: true },
      },
      names: { router: 'mlp.router' },
      checkpoint: ['gate_up_proj', 'down_proj'].flatMap((name) => [
        { from: `mlp.experts.${name}`, to: `mlp.experts.*.${name}.weight` },
        { from: `mlp.experts.${name}_bias`, to: `mlp.experts.*.${name}.bias` },
      ]),
    }
  },
  gguf: {
    architecture: 'gpt-oss',
    activation: 'quick-gelu',
    biases: 'always',
    output: 'own matrix',
    splitsGate: true,
    names: { mlpIn: 'post_attention_norm' },
    tensors: () => ({ 'self_attn.sinks': 'attn_sinks.weight' }),
    metadata: windowMetadataAlways,
    config: (read, { rope_parameters: rope }) => ({
      ...{ hidden_act: 'silu', attention_bias: true },
      ...windowsOfGguf(read, { period: 2, window: 0 }),
      num_local_experts: read.count('expert_count'),
      num_experts_per_tok: read.count('expert_used_count'),
      // What the model was made with; llama.cpp rounds the corners nevertheless.
      rope_parameters: rope.rope_type === 'yarn' ? { ...rope, truncate: false } : rope,
    }),
  },
  onnxModelTypes: ['gpt_oss'],
})

/** What the class has where a file has no rope settings. */
const YARN = {
  ...{ rope_type: 'yarn', factor: 32, beta_fast: 32, beta_slow: 1 },
  ...{ truncate: false, original_max_position_embeddings: 4096 },
}
