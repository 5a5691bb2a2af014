import {
  type CheckpointMapping,
  Embedding,
  type FloatDtype,
  joinPath,
  Linear,
  Module,
  type Shell,
  tie,
} from '@hfquant/core/runtime'
import { Norm } from '../parts/norm.js'
import { child } from '../parts/place-module.js'
import { buildLayers } from './build-layers.js'
import type { DecoderConfig } from './decoder-config.js'

/** The modules of a decoder on the meta device, in the order of the Python library, which lists of names show. */
export function buildDecoder(config: DecoderConfig, dtype: FloatDtype): Shell {
  const { names, hiddenSize, vocabSize, input, output } = config
  const { embeddingSize = hiddenSize } = input
  const root = new Module()
  buildBody(root, config, dtype)
  child(root, names.head, new Linear(embeddingSize, vocabSize, dtype, { bias: output.bias ?? false }))
  const inputEmbedding = joinPath(names.base, names.embedding)
  const headTie = { alias: `${names.head}.weight`, target: `${inputEmbedding}.weight` }
  const shell: Shell = {
    ...{ root, dtype, inputEmbedding },
    basePrefix: names.base.split('.')[0]!,
    outputEmbedding: names.head,
    ties: [],
    ...(config.tiedByFiles && { impliedTies: [headTie] }),
    checkpoint: checkpointOf(config),
  }
  if (config.tied) tie(shell, headTie)
  return shell
}

/** Other names that files have for tensors of the model. */
export const checkpointOf = (config: DecoderConfig): CheckpointMapping => [
  ...(config.checkpoint ?? []),
  ...fusedExperts(config),
]

/** All but the head, below `names.base` of `root`. */
export function buildBody(root: Module, config: DecoderConfig, dtype: FloatDtype): void {
  const { names, hiddenSize, vocabSize, input, output, norm } = config
  const { embeddingSize = hiddenSize } = input
  const base = names.base === '' ? root : child(root, names.base, new Module())
  child(base, names.embedding, new Embedding(vocabSize, embeddingSize, dtype))
  if (input.norm) child(base, names.embeddingNorm, new Norm([hiddenSize], norm, dtype))
  if (input.positionOffset !== undefined) {
    const rows = config.maxPositions + input.positionOffset
    child(base, names.positions, new Embedding(rows, hiddenSize, dtype))
  }
  if (embeddingSize !== hiddenSize) {
    child(base, names.projectIn, new Linear(embeddingSize, hiddenSize, dtype))
    child(base, names.projectOut, new Linear(hiddenSize, embeddingSize, dtype))
  }
  config.addition?.build(base, dtype)
  buildLayers(base, config, dtype)
  if (output.norm !== false) child(base, names.finalNorm, new Norm([hiddenSize], norm, dtype))
}

/**
 * transformers keeps the experts of a layer in two tensors in memory, and writes matrices of each. A file that somebody
 * wrote from there has the tensors.
 */
function fusedExperts({ names, layers }: DecoderConfig): CheckpointMapping {
  const { gate, up, down } = names.expert
  if (!layers.some(({ mlp: { experts } }) => experts !== undefined && !experts.together)) return []
  return [
    { from: 'experts.gate_up_proj', to: `experts.*.${gate}.weight`, part: 'rows 1/2', readOnly: true },
    { from: 'experts.gate_up_proj', to: `experts.*.${up}.weight`, part: 'rows 2/2', readOnly: true },
    { from: 'experts.down_proj', to: `experts.*.${down}.weight`, readOnly: true },
  ]
}
