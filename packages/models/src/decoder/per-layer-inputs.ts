import { type GraphValue, joinPath } from '@hfquant/core'
import type { LayerOps } from '../ops/ops.js'
import type { Activation } from '../parts/activation.js'
import type { DecoderConfig } from './decoder-config.js'
import type { LayerContext } from './forward-layers.js'

/**
 * The inputs of every layer, each [B, S, size]: rows of a table · √size, and hidden states that are projected and normed,
 * together · 1/√2.
 *
 * @param hidden [B, S, D], before the first layer.
 * @returns undefined for a model without them.
 */
export function perLayerInputs(
  ops: LayerOps,
  { names, input, layers, hiddenSize }: DecoderConfig,
  hidden: GraphValue,
): readonly GraphValue[] | undefined {
  const { perLayer } = input
  if (perLayer === undefined) return undefined
  const at = (name: string) => joinPath(names.base, name)
  const { size } = perLayer
  const each = { count: layers.length, size }
  const looked = ops.embed(at(names.perLayerTable), ops.ids, Math.fround(Math.sqrt(size)))
  const projected = ops.mul(ops.linear(at(names.perLayerProjection), hidden), hiddenSize ** -0.5)
  const normed = ops.fromHeads(ops.norm(at(names.perLayerNorm), ops.toHeads(projected, each)), each)
  const inputs = ops.split(
    ops.mul(ops.add(normed, looked), Math.SQRT1_2),
    layers.map(() => size),
  )
  return inputs.map((input) => ops.besideHidden(input))
}

/** A layer's output joined by its own input: x += N(project(act(gate x) · input)). */
export function joinInput(
  { ops, config, path }: LayerContext,
  activation: Activation,
  x: GraphValue,
  input: GraphValue,
): GraphValue {
  const { names } = config
  const at = (name: string) => joinPath(path, name)
  const gate = ops.activate(activation, ops.linear(at(names.perLayerGate), x), at(names.activation))
  const branch = ops.linear(at(names.perLayerOutput), ops.mul(gate, input))
  return ops.add(x, ops.norm(at(names.perLayerOutputNorm), branch))
}
