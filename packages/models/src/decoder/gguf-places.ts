import { joinPath } from '@hfquant/core/runtime'
import type { GgufModel, GgufPlace } from '../gguf/gguf-model.js'
import type { AttentionChoice, DecoderConfig, MlpChoice } from './decoder-config.js'
import type { DecoderGguf } from './gguf-of-decoder.js'

/** Parts of a layer. */
type GgufPart = keyof typeof PARTS

export type GgufNames = Readonly<Partial<Record<GgufPart, string>>>

const PARTS = {
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  projections: 'attn_qkv',
  output: 'attn_output',
  queryNorm: 'attn_q_norm',
  keyNorm: 'attn_k_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  gateUp: 'ffn_up',
  down: 'ffn_down',
  router: 'ffn_gate_inp',
  sharedExpertGate: 'ffn_gate_inp_shexp',
  attentionIn: 'attn_norm',
  attentionOut: 'post_attention_norm',
  mlpIn: 'ffn_norm',
  mlpOut: 'post_ffw_norm',
} as const

/** Where llama.cpp wants the parameters of a decoder. */
export function ggufPlaces(config: DecoderConfig, family: DecoderGguf): GgufModel['places'] {
  const { names } = config
  const base = (name: string) => joinPath(names.base, name)
  const outside = new Map<string, string>([
    [base(names.embedding), 'token_embd'],
    [base(names.embeddingNorm), 'token_embd_norm'],
    [base(names.positions), 'position_embd'],
    [base(names.finalNorm), 'output_norm'],
    [names.head, 'output'],
  ])
  const layers = `${base(names.layers)}.`
  const own = new Map(Object.entries(family.tensors?.(config) ?? {}))
  const inLayer = layerPlaces(config, family)
  return (path, key) => {
    const known = outside.get(path)
    if (known !== undefined) {
      return [{ name: `${known}.${key}`, offset: offsetOf(config, known.endsWith('_norm'), key) }]
    }
    const [index = '', ...rest] = path.startsWith(layers) ? path.slice(layers.length).split('.') : []
    const within = joinPath(rest.join('.'), key)
    const special = own.get(index === '' ? joinPath(path, key) : within)
    const named = (places: readonly GgufPlace[]) =>
      index === '' ? places : places.map((place) => ({ ...place, name: `blk.${index}.${place.name}` }))
    if (special !== undefined) return named(typeof special === 'string' ? [{ name: special }] : special)
    return index === '' ? [] : named(inLayer(Number(index), rest.join('.'), key))
  }
}

type LayerPlaces = (layer: number, path: string, key: string) => readonly GgufPlace[]

function layerPlaces(config: DecoderConfig, family: DecoderGguf): LayerPlaces {
  const { norms, expert: _x, latent: _l, beside: _s, base: _, embedding: _e, ...others } = config.names
  const parts = new Map<string, GgufPart>()
  for (const [part, name] of Object.entries({ ...others, ...norms })) {
    if (part in PARTS) parts.set(name, part as GgufPart)
  }
  const { names: ownNames = {} } = family
  const given = typeof ownNames === 'function' ? ownNames(config) : ownNames
  const ofExperts = expertPlaces(config, family)
  return (layer, path, key) => {
    const places = ofExperts(layer, path)
    if (places.length > 0) return places.map((place) => ({ ...place, name: `${place.name}.${key}` }))
    if (key === BIAS_OF_CHOICE) return [{ name: 'exp_probs_b.bias' }]
    const part = parts.get(path)
    if (part === undefined) return []
    const { attention, mlp } = config.layers[layer]!
    if (part === 'gateUp' && family.splitsGate) {
      return gateAndUp(mlp).map((place) => ({ ...place, name: `${place.name}.${key}` }))
    }
    return [
      {
        name: `${given[part] ?? PARTS[part]}.${key}`,
        offset: offsetOf(config, /[nN]orm$|In$|Out$/.test(part), key),
        ...rowOrder(part, attention, family),
      },
    ]
  }
}

const offsetOf = ({ norm }: DecoderConfig, isNorm: boolean, key: string): number | undefined =>
  isNorm && key === 'weight' ? norm.offset : undefined

/** What the choice of experts is biased by, beside the router's weight. */
const BIAS_OF_CHOICE = 'e_score_correction_bias'

/** Matrices of chosen experts are stacked; those of one that every token meets stand by themselves. */
function expertPlaces(
  { names, layers }: DecoderConfig,
  { splitsGate }: DecoderGguf,
): (layer: number, path: string) => readonly GgufPlace[] {
  const { experts, sharedExpert, expert } = names
  const matrices: Readonly<Record<string, string>> = {
    [expert.gate]: 'ffn_gate',
    [expert.up]: 'ffn_up',
    [expert.gateUp]: 'ffn_gate_up',
    [expert.down]: 'ffn_down',
  }
  return (layer, path) => {
    const cut = path.lastIndexOf('.')
    const [owner, matrix] = [path.slice(0, cut), path.slice(cut + 1)]
    const name = matrices[matrix]
    const { mlp, beside } = layers[layer]!
    const shared = owner === sharedExpert ? mlp.experts?.shared : undefined
    const inStack = owner.startsWith(`${experts}.`) ? Number(owner.slice(experts.length + 1)) : Number.NaN
    if (name === undefined || !(shared !== undefined || Number.isInteger(inStack))) return []
    const kind = beside?.experts.kind ?? mlp.kind
    const { inner } = shared ?? beside ?? mlp
    const places = matrix === expert.gateUp && splitsGate ? gateAndUp({ kind, inner }) : [{ name }]
    return places.map((place) =>
      shared !== undefined
        ? { ...place, name: `${place.name}_shexp` }
        : { ...place, name: `${place.name}_exps`, inStack },
    )
  }
}

/** The gate and the up projection of a matrix that has both: one behind the other, or row by row. */
function gateAndUp({ kind, inner }: Pick<MlpChoice, 'kind' | 'inner'>): readonly GgufPlace[] {
  const sizes = kind === 'clamped' ? [1, 1] : [inner, inner]
  return ['ffn_gate', 'ffn_up'].map((name, part) => ({ name, rows: { sizes, part } }))
}

function rowOrder(
  part: GgufPart,
  { heads, kvHeads, headSize, projections }: AttentionChoice,
  { turnsNeighbours }: DecoderGguf,
): Pick<GgufPlace, 'rotaryHeadSize' | 'rows'> {
  if (turnsNeighbours && (part === 'query' || part === 'key')) return { rotaryHeadSize: headSize }
  if (part !== 'projections' || projections !== 'grouped') return {}
  return { rows: { sizes: [(heads / kvHeads) * headSize, headSize, headSize] } }
}
