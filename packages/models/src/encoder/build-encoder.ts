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
import { buildLayers } from '../decoder/build-layers.js'
import type { DisentangledChoice, RelativeChoice } from '../decoder/decoder-config.js'
import { Norm } from '../parts/norm.js'
import { child, parameterAt } from '../parts/place-module.js'
import type { DenseChoice, EncoderConfig, HeadChoice } from './encoder-config.js'

/** The modules of an encoder on the meta device, in the order of the Python library. */
export function buildEncoder(config: EncoderConfig, dtype: FloatDtype): Shell {
  const { names, pooler, head } = config
  const root = new Module()
  buildBackbone(root, config, dtype)
  const steps = head?.steps ?? []
  const isPart = steps.some(({ path }) => path === pooler?.path)
  for (const step of pooler === undefined || isPart ? steps : [pooler, ...steps]) {
    buildDense(root, step, config, dtype)
  }
  const inputEmbedding = joinPath(names.base, names.embedding)
  const output = head?.task === 'masked-lm' ? head.output : ''
  const shell: Shell = {
    ...{ root, dtype, inputEmbedding, basePrefix: names.prefix, outputEmbedding: output, ties: [] },
    checkpoint: checkpointOf(config),
  }
  if (head === undefined) return shell
  buildOutput(root, head, config, dtype)
  if (head.tied) tie(shell, { alias: `${head.output}.weight`, target: `${inputEmbedding}.weight` })
  return shell
}

/** What training scripts of 2018 called the parameters of a norm. */
const OLD_NORM_NAMES = [
  { from: 'LayerNorm.gamma', to: 'LayerNorm.weight' },
  { from: 'LayerNorm.beta', to: 'LayerNorm.bias' },
] as const

/** Other names that files have for tensors of the model. */
export const checkpointOf = ({ checkpoint = [] }: EncoderConfig): CheckpointMapping => [
  ...OLD_NORM_NAMES,
  ...checkpoint,
]

/** The model without what stands on it, below `names.base` of `root`. */
export function buildBackbone(root: Module, config: EncoderConfig, dtype: FloatDtype): void {
  const { names, hiddenSize, vocabSize, tokens, norm } = config
  const { size, positions, types } = tokens
  const base = names.base === '' ? root : child(root, names.base, new Module())
  child(base, names.embedding, new Embedding(vocabSize, size, dtype))
  if (positions !== undefined) child(base, names.positions, new Embedding(positions, size, dtype))
  if (types > 0) child(base, names.types, new Embedding(types, size, dtype))
  child(base, names.embeddingNorm, new Norm([size], norm, dtype))
  if (size !== hiddenSize) {
    child(base, names.projectIn, new Linear(size, hiddenSize, dtype, { bias: true, quantizable: false }))
  }
  buildLayers(base, config, dtype)
  buildRelative(base, config.layers[0]?.attention.relative, config, dtype)
  if (config.finalNorm) child(base, names.finalNorm, new Norm([hiddenSize], norm, dtype))
}

/** Tables of distances, which all layers share. */
function buildRelative(
  base: Module,
  choice: RelativeChoice | undefined,
  config: EncoderConfig,
  dtype: FloatDtype,
): void {
  if (choice === undefined) return
  if (choice.kind === 'buckets') {
    const heads = config.layers[0]!.attention.heads
    child(base, choice.table, new Embedding(choice.count, heads, dtype))
    return
  }
  const { table, span, norm }: DisentangledChoice = choice
  parameterAt(base, `${table}.weight`, dtype, [2 * span, config.hiddenSize])
  if (norm !== undefined) child(base, norm, new Norm([config.hiddenSize], config.norm, dtype))
}

/** Poolers and heads stay in float with every method, as in Python. */
function buildDense(
  root: Module,
  { path, inner, bias, norm }: DenseChoice,
  { hiddenSize, norm: kind }: EncoderConfig,
  dtype: FloatDtype,
): void {
  child(root, path, new Linear(hiddenSize, inner, dtype, { bias, quantizable: false }))
  if (norm !== undefined) child(root, norm, new Norm([inner], kind, dtype))
}

function buildOutput(
  root: Module,
  { steps, output, outputs, bias, task }: HeadChoice,
  { hiddenSize }: EncoderConfig,
  dtype: FloatDtype,
): void {
  const inner = steps.at(-1)?.inner ?? hiddenSize
  const quantizable = task === 'masked-lm'
  child(root, output, new Linear(inner, outputs, dtype, { bias: bias === 'own', quantizable }))
  if (bias !== undefined && bias !== 'own') parameterAt(root, bias, dtype, [outputs])
}
