import { Conv1D, type FloatDtype, Linear, Module } from '@hfquant/core/runtime'
import { Xielu } from '../parts/activation.js'
import { Norm } from '../parts/norm.js'
import { child, parameterAt } from '../parts/place-module.js'
import type {
  AttentionChoice,
  BesideChoice,
  ExpertsChoice,
  HeadNormChoice,
  LatentChoice,
  LayerChoice,
  LayersConfig,
  MlpChoice,
} from './decoder-config.js'
import type { ExpertNames } from './names.js'

/** The layers of a model on the meta device, below `base`; those of one name are built once. */
export function buildLayers(base: Module, config: LayersConfig, dtype: FloatDtype): void {
  const layers = child(base, config.names.layers, new Module())
  const built = new Set<string>()
  for (const [index, layer] of config.layers.entries()) {
    const { storedAs = String(index) } = layer
    if (built.has(storedAs)) continue
    built.add(storedAs)
    buildLayer(child(layers, storedAs, new Module()), layer, config, dtype)
  }
}

function buildLayer(layer: Module, choice: LayerChoice, config: LayersConfig, dtype: FloatDtype): void {
  const { names, hiddenSize, norm } = config
  const addNorm = (name: string | undefined) => {
    if (name !== undefined) child(layer, name, new Norm([hiddenSize], norm, dtype))
  }
  const { attentionIn, attentionOut, mlpIn, mlpOut } = choice.norms ?? names.norms
  buildAttention(layer, choice.attention, config, dtype)
  buildMlp(layer, choice.mlp, config, dtype)
  if (choice.beside !== undefined) buildBeside(layer, choice.mlp, choice.beside, config, dtype)
  for (const name of [attentionIn, attentionOut, mlpIn, mlpOut]) addNorm(name)
  config.addition?.buildLayer(layer, dtype)
}

function buildAttention(
  layer: Module,
  choice: AttentionChoice,
  config: LayersConfig,
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
  if (choice.relative?.kind === 'disentangled' && choice.relative.ownProjections) {
    const { ofQueries, ofKeys } = choice.relative
    if (ofQueries) linear(names.distanceKey, hiddenSize, kvWidth, bias)
    if (ofKeys) linear(names.distanceQuery, hiddenSize, width, bias)
  }
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
  { names, hiddenSize }: LayersConfig,
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

function buildMlp(layer: Module, choice: MlpChoice, config: LayersConfig, dtype: FloatDtype): void {
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
  config: LayersConfig,
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
  config: LayersConfig,
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
  config: LayersConfig,
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
