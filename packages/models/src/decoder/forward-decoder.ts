import { type GraphValue, joinPath } from '@hfquant/core'
import type { Ops } from '../ops/ops.js'
import { attention } from './attention.js'
import type { DecoderConfig, LayerChoice } from './decoder-config.js'
import { mlp, mlpBeside } from './mlp.js'
import { joinInput, perLayerInputs } from './per-layer-inputs.js'

/** The arithmetic of a decoder, from token ids to logits. */
export function forwardDecoder(ops: Ops, config: DecoderConfig): void {
  const { names, output } = config
  const at = (name: string) => joinPath(names.base, name)
  let hidden = embedded(ops, config) // [B, S, D]
  const inputs = perLayerInputs(ops, config, hidden)
  for (const [index, layer] of config.layers.entries()) {
    const path = joinPath(at(names.layers), String(index))
    const context = { ops, config, path, index, input: inputs?.[index] }
    hidden = ops.block(path, hidden, (x, cut) =>
      completed(context, layer, forwardLayer(context, layer, x, cut)),
    )
  }
  // Only the rows whose logits are wanted pass through the head, which is the largest product of all.
  let rows = ops.wanted(hidden) // [B, R, D]
  if (output.norm !== false) rows = ops.norm(at(names.finalNorm), rows)
  if (hasOwnWidth(config)) rows = ops.linear(at(names.projectOut), rows)
  ops.logits(names.head, rows, (products) => {
    const scaled = output.scale === undefined ? products : ops.mul(products, output.scale)
    return output.softCap === undefined ? scaled : ops.softCap(scaled, output.softCap)
  })
}

/** A layer in the making. */
export interface LayerContext {
  readonly ops: Ops
  readonly config: DecoderConfig
  /** Of the layer. */
  readonly path: string
  readonly index: number
  /** [B, S, size], of a layer that has an input of its own. */
  readonly input: GraphValue | undefined
}

const hasOwnWidth = ({ input, hiddenSize }: DecoderConfig): boolean =>
  (input.embeddingSize ?? hiddenSize) !== hiddenSize

/** Token ids [B, S] to hidden states [B, S, D]. */
function embedded(ops: Ops, config: DecoderConfig): GraphValue {
  const { names, input } = config
  const at = (name: string) => joinPath(names.base, name)
  let hidden = ops.embed(at(names.embedding), ops.ids)
  if (input.scale !== undefined) hidden = ops.mul(hidden, input.scale)
  if (hasOwnWidth(config)) hidden = ops.linear(at(names.projectIn), hidden)
  const { positionOffset } = input
  if (positionOffset !== undefined) {
    const offset = ops.graph.literal('int64', [1], [positionOffset])
    const rows = positionOffset === 0 ? ops.positions : ops.graph.node('Add', [ops.positions, offset])
    hidden = ops.add(hidden, ops.embed(at(names.positions), rows))
  }
  return input.norm ? ops.norm(at(names.embeddingNorm), hidden) : hidden
}

function forwardLayer(
  context: LayerContext,
  layer: LayerChoice,
  x: GraphValue,
  cut: (hidden: GraphValue) => GraphValue,
): GraphValue {
  const { ops, config, path } = context
  const { norms } = config.names
  const { kind, multiplier, ofNormed = false } = config.residual
  const normed = (name: string | undefined, value: GraphValue) =>
    name === undefined ? value : ops.norm(joinPath(path, name), value)
  /** A branch joins the stream. */
  const join = (stream: GraphValue, branch: GraphValue, norm: string | undefined) => {
    const before = kind === 'post' ? branch : normed(norm, branch)
    const sum = ops.add(stream, multiplier === undefined ? before : ops.mul(before, multiplier))
    return kind === 'post' ? normed(norm, sum) : sum
  }
  const y = normed(norms.attentionIn, x)
  const attended = attention(context, layer.attention, y)
  if (kind === 'parallel') {
    const z = norms.mlpIn === undefined ? y : normed(norms.mlpIn, x)
    return join(join(x, attended, norms.attentionOut), mlp(context, layer.mlp, z), norms.mlpOut)
  }
  const middle = join(ofNormed ? y : x, attended, norms.attentionOut)
  const between = cut(middle)
  const z = normed(norms.mlpIn, between)
  const { beside } = layer
  const branch =
    beside === undefined
      ? mlp(context, layer.mlp, z)
      : mlpBeside(context, layer.mlp, beside, { stream: between, normed: z })
  return join(ofNormed ? z : between, branch, norms.mlpOut)
}

/** What comes behind both branches. */
function completed(context: LayerContext, { mlp }: LayerChoice, x: GraphValue): GraphValue {
  const { ops, config, path, input } = context
  const joined = input === undefined ? x : joinInput(context, mlp.activation, x, input)
  if (!config.scalesLayers) return joined
  return ops.mul(joined, ops.parameter(joinPath(path, config.names.layerScale), [1]))
}
