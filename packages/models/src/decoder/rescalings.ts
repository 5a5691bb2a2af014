import { joinPath, type RescaledOutput, type Rescaling } from '@hfquant/core/runtime'
import type { NormKind } from '../parts/norm.js'
import type {
  AttentionChoice,
  ExpertsChoice,
  LayerChoice,
  LayersConfig,
  MlpChoice,
} from './decoder-config.js'
import type { ExpertNames } from './names.js'

/**
 * Which channels of layers may be divided where they are made, layer by layer: what a norm gives to the projections behind
 * it, values that an attention adds up for its output, and the product of gate and up projection.
 *
 * @param layersPath of the layers, which are numbered below it.
 */
export function rescalingsOf(config: LayersConfig, layersPath: string): readonly Rescaling[] {
  // Whoever multiplies a weight by columns would have to know that a file has these in lines.
  if (config.storesColumns) return []
  const layers = new Map<string, readonly Rescaling[]>()
  for (const [index, layer] of config.layers.entries()) {
    const path = joinPath(layersPath, layer.storedAs ?? String(index))
    if (layers.has(path)) continue
    const own = [
      ...ofAttentionNorm(config, layer),
      ...ofValues(config, layer, index),
      ...ofMlpNorm(config, layer),
      ...ofProducts(config, layer.mlp),
    ]
    layers.set(
      path,
      own.map(({ before, after }) => ({
        before: { ...before, path: joinPath(path, before.path) },
        after: after.map((name) => joinPath(path, name)),
      })),
    )
  }
  return [...layers.values()].flat()
}

const pair = (before: RescaledOutput, after: readonly string[] | undefined): readonly Rescaling[] =>
  after === undefined ? [] : [{ before, after }]

/** A norm whose output goes nowhere but into projections: behind a sum it is the stream itself. */
function normBefore({ residual, norm }: LayersConfig, path: string | undefined): RescaledOutput | undefined {
  const isOfBranch = residual.kind !== 'post' && !residual.ofNormed && norm.weight !== false
  return isOfBranch && path !== undefined ? normOutput(path, norm) : undefined
}

const normOutput = (path: string, { offset }: NormKind): RescaledOutput => ({
  ...{ kind: 'norm', path },
  ...(offset !== undefined && { offset }),
})

function ofAttentionNorm(config: LayersConfig, layer: LayerChoice): readonly Rescaling[] {
  const { names, residual } = config
  const { attentionIn, mlpIn } = layer.norms ?? names.norms
  const before = normBefore(config, attentionIn)
  const latent = ofLatents(config, layer.attention)
  const own = attentionReaders(config, layer.attention)
  // One norm before both branches of a parallel layer.
  const beside = residual.kind === 'parallel' && mlpIn === undefined ? mlpReaders(config, layer.mlp) : []
  if (before === undefined || own === undefined || beside === undefined) return latent
  return [...pair(before, [...own, ...beside]), ...latent]
}

function attentionReaders(
  { names }: LayersConfig,
  { latent, projections, cacheOf, valueOfKey, relative }: AttentionChoice,
): readonly string[] | undefined {
  // Vectors of distances pass through the projections as well, and through no norm.
  if (relative?.kind === 'disentangled') return undefined
  if (latent !== undefined) {
    return [latent.queryRank === undefined ? names.query : names.latent.queryDown, names.latent.down]
  }
  if (projections !== 'separate') return [names.projections]
  if (cacheOf !== undefined) return [names.query]
  return [names.query, names.key, ...(valueOfKey ? [] : [names.value])]
}

/** Latents are normed before they become queries, keys and values. */
function ofLatents({ names }: LayersConfig, { latent }: AttentionChoice): readonly Rescaling[] {
  if (latent === undefined || latent.norm.weight === false) return []
  const { queryDownNorm, queryUp, downNorm, up } = names.latent
  return [
    ...pair(normOutput(queryDownNorm, latent.norm), latent.queryRank === undefined ? undefined : [queryUp]),
    ...pair(normOutput(downNorm, latent.norm), [up]),
  ]
}

/** Sums of values are linear in them; with a head of values for each of queries, and as wide as the stream. */
function ofValues(
  { names, hiddenSize, layers }: LayersConfig,
  { attention }: LayerChoice,
  index: number,
): readonly Rescaling[] {
  const { heads, kvHeads, headSize, projections, latent, valueNorm, valueOfKey, clip, cacheOf } = attention
  const isLinear = latent === undefined && valueNorm === undefined && clip === undefined && !valueOfKey
  const isOwn = cacheOf === undefined && layers.every((layer) => layer.attention.cacheOf !== index)
  const isSquare = heads === kvHeads && heads * headSize === hiddenSize
  if (!isLinear || !isOwn || !isSquare || projections === 'grouped') return []
  const path = projections === 'separate' ? names.value : names.projections
  return pair({ kind: 'linear', path }, [names.output])
}

function ofMlpNorm(
  config: LayersConfig,
  { mlp, norms = config.names.norms }: LayerChoice,
): readonly Rescaling[] {
  const before = normBefore(config, norms.mlpIn)
  return before === undefined ? [] : pair(before, mlpReaders(config, mlp))
}

/** Undefined where a file keeps several of them in one tensor. */
function mlpReaders({ names }: LayersConfig, mlp: MlpChoice): readonly string[] | undefined {
  const { experts } = mlp
  if (experts === undefined) return projectionsOf(mlp, names)
  if (experts.together) return undefined
  const { shared } = experts
  return [
    names.router,
    ...expertPaths(names.experts, experts).flatMap((path) =>
      projectionsOf({ kind: experts.kind ?? mlp.kind }, names.expert, path),
    ),
    ...(shared === undefined ? [] : projectionsOf(mlp, names.expert, names.sharedExpert)),
    ...(shared?.gate ? [names.sharedExpertGate] : []),
  ]
}

const expertPaths = (path: string, { count }: ExpertsChoice): readonly string[] =>
  Array.from({ length: count }, (_, index) => joinPath(path, String(index)))

/** What reads the input of an MLP. */
function projectionsOf({ kind }: Pick<MlpChoice, 'kind'>, names: ExpertNames, path = ''): readonly string[] {
  const at = (name: string) => joinPath(path, name)
  if (kind === 'fused' || kind === 'clamped') return [at(names.gateUp)]
  return kind === 'gated' ? [at(names.gate), at(names.up)] : [at(names.up)]
}

/** act(gate) · up is linear in up, which has the last rows where both are one matrix. */
function ofProducts({ names }: LayersConfig, mlp: MlpChoice): readonly Rescaling[] {
  const of = (kind: MlpChoice['kind'], own: ExpertNames, path = ''): readonly Rescaling[] => {
    const at = (name: string) => joinPath(path, name)
    if (kind !== 'gated' && kind !== 'fused') return []
    return pair({ kind: 'linear', path: at(kind === 'gated' ? own.up : own.gateUp) }, [at(own.down)])
  }
  const { experts } = mlp
  if (experts === undefined) return of(mlp.kind, names)
  if (experts.together) return []
  return [
    ...expertPaths(names.experts, experts).flatMap((path) =>
      of(experts.kind ?? mlp.kind, names.expert, path),
    ),
    ...(experts.shared === undefined ? [] : of(mlp.kind, names.expert, names.sharedExpert)),
  ]
}
