import { CapabilityError } from '@hfquant/core'
import { readRouting } from '../config/read-experts.js'
import { readLayerKinds } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { GRANITE_GGUF, GRANITE_MOE_GGUF } from './granite-gguf.js'
import { GRANITE_EXPERTS, GRANITE_TOGETHER } from './granitemoe.js'

/** Granite 4 where all layers are attention: an MLP that every token meets, and experts beside it or none. */
export const graniteMoeHybrid = decoderFamily({
  names: ['GraniteMoeHybridForCausalLM'],
  modelTypes: ['granitemoehybrid'],
  revision: 1,
  defaults: {
    ...{ max_position_embeddings: 2048, num_local_experts: 8, num_experts_per_tok: 2 },
    shared_intermediate_size: 1024,
  },
  choose(read, { headSize, positions, layers }) {
    refuseStates(read.json.layer_types)
    readLayerKinds(read, layers, () => false)
    const bias = read.flag('attention_bias')
    const turns = read.text('position_embedding_type', 'nope') === 'rope'
    const inner = read.size('shared_intermediate_size')
    const hasExperts = read.number('num_local_experts') > 0
    const shared = { inner, kind: 'fused' as const }
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      residual: { kind: 'pre', multiplier: read.number('residual_multiplier', 1) },
      attention: {
        ...{ bias, outputBias: bias, scale: read.number('attention_multiplier', 1) },
        rope: turns ? readRope(read, { headSize, positions }) : undefined,
      },
      mlp: hasExperts
        ? {
            kind: 'fused',
            experts: {
              ...readRouting(read, 'num_local_experts', { scores: 'softmax', normalize: true }),
              ...{ together: true, shared: { inner } },
            },
          }
        : shared,
      input: { scale: read.number('embedding_multiplier', 1) },
      output: { scale: 1 / read.number('logits_scaling', 1) },
      names: {
        ...GRANITE_EXPERTS,
        sharedExpert: 'shared_mlp',
        ...(!hasExperts && { gateUp: 'shared_mlp.input_linear', down: 'shared_mlp.output_linear' }),
      },
      checkpoint: GRANITE_TOGETHER,
    }
  },
  gguf: ({ layers: [layer] }) => (layer!.mlp.experts === undefined ? GRANITE_GGUF : GRANITE_MOE_GGUF),
  onnxModelTypes: ['granitemoehybrid'],
  // The library knows kinds of layers by older names; without them it looks for the caches that there are.
  onnxWithout: ['layer_types'],
})

/** @throws CapabilityError LAYER_TYPE for a model with layers that keep a state, which is what the class has by default. */
function refuseStates(kinds: unknown): void {
  const isListed = Array.isArray(kinds)
  if (isListed && !kinds.includes('mamba')) return
  throw new CapabilityError('LAYER_TYPE', 'layers of kind "mamba" keep a state, which is not offered', {
    field: 'layer_types',
    found: isListed ? 'mamba' : kinds,
    expected: ['attention'],
    hint: 'A package can define the architecture with layers of that kind.',
  })
}
