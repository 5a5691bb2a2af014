import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { LayerOps } from '../ops/ops.js'
import { attention } from './attention.js'
import type { LayerChoice, LayersConfig } from './decoder-config.js'
import type { CompleteLayer } from './layer-addition.js'
import { mlp, mlpBeside } from './mlp.js'

/**
 * Layer after layer, each a block. [B, S, D] to [B, S, D]
 *
 * @param layersPath of the layers, which are numbered below it.
 * @param complete what the output of a layer passes through, for a family that adds to it.
 */
export function forwardLayers(
  ops: LayerOps,
  config: LayersConfig,
  layersPath: string,
  begin: GraphValue,
  complete: CompleteLayer = (_layer, output) => output,
): GraphValue {
  let hidden = begin
  for (const [index, layer] of config.layers.entries()) {
    const path = joinPath(layersPath, layer.storedAs ?? String(index))
    const context = { ops, config, path, index }
    hidden = ops.block(path, hidden, (x, cut) => complete(context, forwardLayer(context, layer, x, cut)))
  }
  return hidden
}

/** A layer in the making. */
export interface LayerContext {
  readonly ops: LayerOps
  readonly config: LayersConfig
  /** Of the layer. */
  readonly path: string
  readonly index: number
}

function forwardLayer(
  context: LayerContext,
  layer: LayerChoice,
  x: GraphValue,
  cut: (hidden: GraphValue) => GraphValue,
): GraphValue {
  const { ops, config, path } = context
  const { norms = config.names.norms } = layer
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
