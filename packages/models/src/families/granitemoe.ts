import { readRouting } from '../config/read-experts.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { GRANITE_MOE_GGUF } from './granite-gguf.js'

/** Granite with experts, whose projections are one tensor each. */
export const graniteMoe = decoderFamily({
  names: ['GraniteMoeForCausalLM'],
  modelTypes: ['granitemoe'],
  revision: 1,
  defaults: { max_position_embeddings: 2048, num_local_experts: 8, num_experts_per_tok: 2 },
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias')
    const experts = readRouting(read, 'num_local_experts', { scores: 'softmax', normalize: true })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      residual: { kind: 'pre', multiplier: read.number('residual_multiplier', 1) },
      attention: {
        ...{ bias, outputBias: bias, rope: readRope(read, { headSize, positions }) },
        scale: read.number('attention_multiplier', 1),
      },
      mlp: { kind: 'fused', experts: { ...experts, together: true } },
      input: { scale: read.number('embedding_multiplier', 1) },
      output: { scale: 1 / read.number('logits_scaling', 1) },
      names: GRANITE_EXPERTS,
      checkpoint: GRANITE_TOGETHER,
    }
  },
  gguf: GRANITE_MOE_GGUF,
})

export const GRANITE_EXPERTS = {
  router: 'block_sparse_moe.router.layer',
  experts: 'block_sparse_moe.experts',
  expert: { gate: 'gate', up: 'up', gateUp: 'input_linear', down: 'output_linear' },
}

export const GRANITE_TOGETHER = ['input_linear', 'output_linear'].map((name) => ({
  from: `block_sparse_moe.${name}.weight`,
  to: `block_sparse_moe.experts.*.${name}.weight`,
}))
