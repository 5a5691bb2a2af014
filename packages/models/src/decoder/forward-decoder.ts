import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { LayerOps, Ops } from '../ops/ops.js'
import type { DecoderConfig } from './decoder-config.js'
import { forwardLayers } from './forward-layers.js'

/** The arithmetic of a decoder, from token ids to logits. */
export function forwardDecoder(ops: Ops, config: DecoderConfig): void {
  const { names, output } = config
  const at = (name: string) => joinPath(names.base, name)
  const begin = embedded(ops, config) // [B, S, D]
  const complete = config.addition?.begin(ops, names.base, begin)
  const hidden = forwardLayers(ops, config, at(names.layers), begin, complete)
  // Only the rows whose logits are wanted pass through the head, which is the largest product of all.
  let rows = ops.wanted(hidden) // [B, R, D]
  if (output.norm !== false) rows = ops.norm(at(names.finalNorm), rows)
  if (hasOwnWidth(config)) rows = ops.linear(at(names.projectOut), rows)
  ops.logits(names.head, rows, (products) => {
    const scaled = output.scale === undefined ? products : ops.mul(products, output.scale)
    return output.softCap === undefined ? scaled : ops.softCap(scaled, output.softCap)
  })
}

const hasOwnWidth = ({ input, hiddenSize }: DecoderConfig): boolean =>
  (input.embeddingSize ?? hiddenSize) !== hiddenSize

/** Token ids [B, S] to hidden states [B, S, D]. */
export function embedded(ops: LayerOps, config: DecoderConfig): GraphValue {
  const { names, input } = config
  const at = (name: string) => joinPath(names.base, name)
  let hidden = ops.embed(at(names.embedding), ops.ids, input.scale)
  if (hasOwnWidth(config)) hidden = ops.linear(at(names.projectIn), hidden)
  const { positionOffset } = input
  if (positionOffset !== undefined) {
    const offset = ops.graph.literal('int64', [1], [positionOffset])
    const rows = positionOffset === 0 ? ops.positions : ops.graph.node('Add', [ops.positions, offset])
    hidden = ops.add(hidden, ops.embed(at(names.positions), rows))
  }
  return input.norm ? ops.norm(at(names.embeddingNorm), hidden) : hidden
}
