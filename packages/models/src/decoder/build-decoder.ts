import {
  type CheckpointMapping,
  Conv1D,
  Embedding,
  type FloatDtype,
  joinPath,
  Linear,
  Module,
  type Shell,
  tie,
} from '@hfquant/core'
import { Xielu } from '../parts/activation.js'
import { Norm } from '../parts/norm.js'
import type {
  AttentionChoice,
  BesideChoice,
  DecoderConfig,
  ExpertsChoice,
  HeadNormChoice,
  LatentChoice,
  LayerChoice,
  MlpChoice,
  PerLayerChoice,
} from './decoder-config.js'
import type { ExpertNames } from './names.js'

/** The modules of a decoder on the meta device, in the order of the Python library, which lists of names show. */
export function buildDecoder(config: DecoderConfig, dtype: FloatDtype): Shell {
  const { names, hiddenSize, vocabSize, input, output, norm } = config
  const { embeddingSize = hiddenSize } = input
  const root = new Module()
  const base = child(root, names.base, new Module())
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
  if (input.perLayer !== undefined) buildPerLayerInputs(base, input.perLayer, config, dtype)
  const layers = child(base, names.layers, new Module())
  for (const [index, layer] of config.layers.entries()) {
    buildLayer(layers.child(String(index), new Module()), layer, config, dtype)
  }
  if (output.norm !== false) child(base, names.finalNorm, new Norm([hiddenSize], norm, dtype))
  child(root, names.head, new Linear(embeddingSize, vocabSize, dtype, { bias: output.bias ?? false }))
  const inputEmbedding = joinPath(names.base, names.embedding)
  const headTie = { alias: `${names.head}.weight`, target: `${inputEmbedding}.weight` }
  const shell: Shell = {
    ...{ root, dtype, inputEmbedding },
    basePrefix: names.base.split('.')[0]!,
    outputEmbedding: names.head,
    ties: [],
    ...(config.tiedByFiles && { impliedTies: [headTie] }),
    checkpoint: [...(config.checkpoint ?? []), ...fusedExperts(config)],
  }
  if (config.tied) tie(shell, headTie)
  return shell
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

/** Projections outside of blocks stay in float, as the output matrix does. */
function buildPerLayerInputs(
  base: Module,
  { size, vocabSize }: PerLayerChoice,
  { names, norm, layers, hiddenSize }: DecoderConfig,
  dtype: FloatDtype,
): void {
  const width = layers.length * size
  child(base, names.perLayerTable, new Embedding(vocabSize, width, dtype))
  const projection = new Linear(hiddenSize, width, dtype, { quantizable: false })
  child(base, names.perLayerProjection, projection)
  child(base, names.perLayerNorm, new Norm([size], norm, dtype))
}

function buildLayer(layer: Module, choice: LayerChoice, config: DecoderConfig, dtype: FloatDtype): void {
  const { names, hiddenSize, norm } = config
  const addNorm = (name: string | undefined) => {
    if (name !== undefined) child(layer, name, new Norm([hiddenSize], norm, dtype))
  }
  const { attentionIn, attentionOut, mlpIn, mlpOut } = names.norms
  buildAttention(layer, choice.attention, config, dtype)
  buildMlp(layer, choice.mlp, config, dtype)
  if (choice.beside !== undefined) buildBeside(layer, choice.mlp, choice.beside, config, dtype)
  for (const name of [attentionIn, attentionOut, mlpIn, mlpOut]) addNorm(name)
  const { perLayer } = config.input
  if (perLayer !== undefined) {
    child(layer, names.perLayerGate, new Linear(hiddenSize, perLayer.size, dtype))
    child(layer, names.perLayerOutput, new Linear(perLayer.size, hiddenSize, dtype))
    addNorm(names.perLayerOutputNorm)
  }
  if (config.scalesLayers) layer.parameter(names.layerScale, dtype, [1])
}

function buildAttention(
  layer: Module,
  choice: AttentionChoice,
  config: DecoderConfig,
  dtype: FloatDtype,
): void {
  if (choice.sinks) parameterAt(layer, config.names.sinks, dtype, [choice.heads])
  if (choice.latent !== undefined) {
    buildLatent(layer, choice, choice.latent, config, dtype)
    return
  }
  const { names, hiddenSize } = config
  const { heads, kvHeads, headSize, bias, outputBias, headNorm, valueNorm } = choice
  const ownsCache = choice.cacheOf === undefined
  const linear = linearOf(layer, config, dtype)
  const [width, kvWidth] = [heads * headSize, kvHeads * headSize]
  if (choice.projections === 'separate') {
    linear(names.query, hiddenSize, width, bias)
    if (ownsCache) linear(names.key, hiddenSize, kvWidth, bias)
    if (ownsCache && !choice.valueOfKey) linear(names.value, hiddenSize, kvWidth, bias)
  } else linear(names.projections, hiddenSize, width + 2 * kvWidth, bias)
  linear(names.output, width, hiddenSize, outputBias)
  if (headNorm !== undefined) {
    child(layer, names.queryNorm, headNorms(headNorm, heads, headSize, dtype))
    if (ownsCache) child(layer, names.keyNorm, headNorms(headNorm, kvHeads, headSize, dtype))
  }
  if (valueNorm !== undefined && ownsCache)
    child(layer, names.valueNorm, new Norm([headSize], valueNorm, dtype))
}

function buildLatent(
  layer: Module,
  { heads, headSize, bias, outputBias }: AttentionChoice,
  { rank, still, turned, value, queryRank, norm }: LatentChoice,
  { names, hiddenSize }: DecoderConfig,
  dtype: FloatDtype,
): void {
  const linear = linearOf(layer, {}, dtype)
  const { latent } = names
  const queries = heads * (still + turned)
  if (queryRank === undefined) linear(names.query, hiddenSize, queries, false)
  else {
    linear(latent.queryDown, hiddenSize, queryRank, bias)
    child(layer, latent.queryDownNorm, new Norm([queryRank], norm, dtype))
    linear(latent.queryUp, queryRank, queries, false)
  }
  linear(latent.down, hiddenSize, headSize, bias)
  child(layer, latent.downNorm, new Norm([rank], norm, dtype))
  linear(latent.up, rank, heads * (still + value), false)
  linear(names.output, heads * value, hiddenSize, outputBias)
}

function headNorms({ over, norm }: HeadNormChoice, heads: number, size: number, dtype: FloatDtype): Norm {
  const shape = { head: [size], each: [heads, size], all: [heads * size] }[over]
  return new Norm(shape, norm, dtype)
}

function buildMlp(layer: Module, choice: MlpChoice, config: DecoderConfig, dtype: FloatDtype): void {
  const { experts } = choice
  if (experts !== undefined) {
    buildExperts(layer, choice, experts, config, dtype)
    return
  }
  buildOneMlp(layer, choice, config.names, config, dtype)
  if (choice.activation === 'xielu') child(layer, config.names.activation, new Xielu(dtype))
}

function buildOneMlp(
  parent: Module,
  { kind, inner, bias, storesColumns }: Omit<MlpChoice, 'activation' | 'experts'>,
  names: ExpertNames,
  config: DecoderConfig,
  dtype: FloatDtype,
  stacked = false,
): void {
  const { hiddenSize } = config
  const stored = { storesColumns: storesColumns ?? config.storesColumns, stacked }
  const linear = linearOf(parent, stored, dtype)
  const isFused = kind === 'fused' || kind === 'clamped'
  if (isFused) linear(names.gateUp, hiddenSize, 2 * inner, bias)
  if (kind === 'gated') linear(names.gate, hiddenSize, inner, bias)
  if (!isFused) linear(names.up, hiddenSize, inner, bias)
  linear(names.down, inner, hiddenSize, bias)
}

function buildBeside(
  layer: Module,
  mlp: MlpChoice,
  { inner, experts }: BesideChoice,
  config: DecoderConfig,
  dtype: FloatDtype,
): void {
  const { names, hiddenSize, norm } = config
  const { beside } = names
  buildExperts(layer, { ...mlp, kind: experts.kind ?? mlp.kind, inner }, experts, config, dtype)
  child(layer, beside.routerNorm, new Norm([hiddenSize], { ...norm, weight: false }, dtype))
  parameterAt(layer, beside.routerScale, dtype, [hiddenSize])
  parameterAt(layer, beside.expertScale, dtype, [experts.count])
  for (const name of [beside.mlpOut, beside.expertsIn, beside.expertsOut]) {
    child(layer, name, new Norm([hiddenSize], norm, dtype))
  }
}

/** Routers and gates stay in float whatever the method: another choice of experts is no small error. */
function buildExperts(
  layer: Module,
  choice: MlpChoice,
  { count, routing, routerBias, shared, together }: ExpertsChoice,
  config: DecoderConfig,
  dtype: FloatDtype,
): void {
  const { names, hiddenSize } = config
  const inFloat = { quantizable: false, bias: routerBias ?? false }
  const router = child(layer, names.router, new Linear(hiddenSize, count, dtype, inFloat))
  if (routing.bias !== undefined) router.parameter(routing.bias, dtype, [count])
  for (let index = 0; index < count; index++) {
    const expert = child(layer, `${names.experts}.${index}`, new Module())
    buildOneMlp(expert, choice, names.expert, config, dtype, together)
  }
  if (shared === undefined) return
  const beside = child(layer, names.sharedExpert, new Module())
  buildOneMlp(beside, { ...choice, inner: shared.inner }, names.expert, config, dtype)
  if (shared.gate) {
    child(layer, names.sharedExpertGate, new Linear(hiddenSize, 1, dtype, { quantizable: false }))
  }
}

interface StoredLinear {
  readonly storesColumns?: boolean | undefined
  readonly stacked?: boolean
}

/** Adds a projection to a layer, as the family stores them. */
const linearOf =
  (layer: Module, { storesColumns, stacked = false }: StoredLinear, dtype: FloatDtype) =>
  (name: string, inFeatures: number, outFeatures: number, bias: boolean): void => {
    const module = storesColumns
      ? new Conv1D(inFeatures, outFeatures, dtype, { stacked })
      : new Linear(inFeatures, outFeatures, dtype, { bias, stacked })
    child(layer, name, module)
  }

/** Puts a parameter at a dotted path below `parent`. */
function parameterAt(parent: Module, path: string, dtype: FloatDtype, shape: readonly number[]): void {
  const cut = path.lastIndexOf('.')
  const owner = cut < 0 ? parent : ownerAt(parent, path.slice(0, cut).split('.'))
  owner.parameter(path.slice(cut + 1), dtype, shape)
}

/** Puts a module at a dotted path below `parent`. */
function child<M extends Module>(parent: Module, path: string, module: M): M {
  const names = path.split('.')
  return ownerAt(parent, names.slice(0, -1)).child(names.at(-1)!, module)
}

/** The module at a path; makes what is missing on the way. */
const ownerAt = (parent: Module, names: readonly string[]): Module =>
  names.reduce((at, name) => at.children.get(name) ?? at.child(name, new Module()), parent)
