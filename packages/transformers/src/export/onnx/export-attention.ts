import type { GraphValue } from '@hfquant/core'
import type { Ops, Rope } from '@hfquant/models'
import { cast, convert, type Graph } from '@hfquant/onnx'
import { attentionAttributes, optionalInputs, withPaddedHeads } from '../../lower/grouped-query-attention.js'
import { positionBias } from '../../lower/position-bias.js'
import { createRotation } from '../../lower/rotary-tables.js'
import { HIDDEN } from '../../lower/window-bias.js'
import type { ExportRequest } from './export-ops.js'
import { floatConstant } from './float-constant.js'
import { BATCH, PAST, PORTS, TOTAL, tokenInput } from './ports.js'

interface AttentionRequest extends ExportRequest {
  readonly positions: GraphValue
}

/**
 * Attention with the whole cache as output, which the library passes in again.
 *
 * Batches are padded on the left. The attention operator knows lengths, not masks: so every row gets the full length,
 * positions are turned outside of the operator, and padding is hidden by a bias.
 */
export function createAttention(request: AttentionRequest): Pick<Ops, 'attend' | 'rotate'> {
  const { graph, float } = request
  const inputs = attentionInputs(request)
  /** Of each layer that has its own. */
  const caches = new Map<number, readonly GraphValue[]>()
  const withSlopes = (slopes: readonly number[], newTokens: GraphValue) => {
    const { lastPosition: last, totalLength: total } = inputs
    const linear = positionBias(graph, { slopes, last, total, newTokens })
    return graph.node('Add', [inputs.bias, convert(graph, linear, 'float32', float)])
  }
  return {
    rotate: createRotation({
      ...{ graph, maxPositions: request.facts.maxPositions },
      // Made in wider floats and rounded last: an entry in float16 is off by 2^-12 at most, at whatever position.
      constant: (table) => floatConstant(graph, table, float),
      rowsOf: rotaryRows(request, inputs.tokens),
    }),
    attend(call) {
      const { layer, heads, kvHeads, slopes, cacheOf } = call
      const padded = withPaddedHeads(graph, heads)
      const query = padded.widen(call.query, heads.count)
      const shape = (length: string) => [BATCH, kvHeads, length, padded.size]
      const bias = slopes === undefined ? inputs.bias : withSlopes(slopes, query)
      const makeCache = () => [
        ...[padded.widen(call.key!, kvHeads), padded.widen(call.value!, kvHeads)],
        ...[PORTS.pastKey(layer), PORTS.pastValue(layer)].map((name) =>
          graph.input(name, float, shape(PAST)),
        ),
      ]
      const cache = cacheOf === undefined ? makeCache() : caches.get(cacheOf)!
      const [attended, presentKey, presentValue] = graph.nodes(
        'GroupQueryAttention',
        [
          ...[query, ...cache],
          ...[inputs.lastPosition, inputs.totalLength],
          ...optionalInputs(bias, call.sinks),
        ],
        3,
        { domain: 'com.microsoft', attributes: attentionAttributes(call) },
      )
      if (cacheOf === undefined) {
        caches.set(layer, cache)
        graph.output(PORTS.presentKey(layer), presentKey!, float, shape(TOTAL))
        graph.output(PORTS.presentValue(layer), presentValue!, float, shape(TOTAL))
      }
      return padded.narrow(attended!, heads.count)
    },
  }
}

interface AttentionInputs {
  /** [B, 1, S, T]: 0 for tokens, far below it for padding. */
  readonly bias: GraphValue
  /** int32 [B]: all positions, padding included, minus one. */
  readonly lastPosition: GraphValue
  /** int32 [] */
  readonly totalLength: GraphValue
  /** int64 [B, 1]: tokens of each row, without padding. */
  readonly tokens: GraphValue
}

function attentionInputs({ graph, positions, float }: AttentionRequest): AttentionInputs {
  const mask = tokenInput(graph, PORTS.attentionMask, TOTAL)
  const dimension = (value: GraphValue, axis: number) =>
    graph.node('Gather', [graph.node('Shape', [value]), graph.literal('int64', [1], [axis])]) // [1]
  const [batch, sequence, total] = [dimension(positions, 0), dimension(positions, 1), dimension(mask, 1)]
  const one = graph.literal('int64', [1], [1])
  const last = cast(graph, graph.node('Sub', [total, one]), 'int32')
  return {
    tokens: graph.node('ReduceSum', [mask, one]),
    bias: graph.node('Expand', [
      cast(graph, hiddenPadding(graph, mask), float),
      graph.node('Concat', [batch, one, sequence, total], { attributes: { axis: { int: 0 } } }),
    ]),
    lastPosition: graph.node('Expand', [last, batch]),
    totalLength: graph.node('Squeeze', [cast(graph, total, 'int32'), graph.literal('int64', [1], [0])]),
  }
}

/** Mask [B, T] -> int64 [B, 1, 1, T]. */
function hiddenPadding(graph: Graph, mask: GraphValue): GraphValue {
  const isPadding = graph.node('Sub', [graph.literal('int64', [1], [1]), mask])
  const low = graph.node('Mul', [isPadding, graph.literal('int64', [1], [HIDDEN])])
  return graph.node('Unsqueeze', [low, graph.literal('int64', [2], [1, 2])])
}

/** Positions in the rotary table: a sequence is long by what it has in all, whatever it is padded to. */
const rotaryRows =
  ({ graph, facts, positions }: AttentionRequest, tokens: GraphValue) =>
  ({ scaling }: Rope): GraphValue => {
    if (scaling.type !== 'longrope' || facts.longRope === undefined) return positions
    const original = graph.literal('int64', [1], [scaling.originalMaxPositions])
    const isLong = cast(graph, graph.node('Greater', [tokens, original]), 'int64')
    return graph.node('Add', [positions, graph.node('Mul', [isLong, original])])
  }
