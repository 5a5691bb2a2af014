import { readRouting } from '../config/read-experts.js'
import { readEveryWindow } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Mixtral (Jiang et al. 2024): Mistral with experts in every layer. */
export const mixtral = decoderFamily({
  names: ['MixtralForCausalLM'],
  modelTypes: ['mixtral'],
  revision: 1,
  defaults: { max_position_embeddings: 131072, num_local_experts: 8, num_experts_per_tok: 2 },
  choose(read, { headSize, positions, layers }) {
    const windows = readEveryWindow(read, { layers, positions })
    const rope = readRope(read, { headSize, positions, theta: 1e6 })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: (index) => ({ rope, window: windows[index] }),
      mlp: { experts: readRouting(read, 'num_local_experts', { scores: 'softmax', normalize: true }) },
      names: {
        router: 'block_sparse_moe.gate',
        experts: 'block_sparse_moe.experts',
        expert: { gate: 'w1', up: 'w3', down: 'w2', gateUp: 'w13' },
      },
    }
  },
  gguf: { architecture: 'llama', turnsNeighbours: true, ropeFactors: ['llama3', 'longrope'] },
})
