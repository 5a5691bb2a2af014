import type { GraphValue } from '@hfquant/core'
import type { AttendCall, Ops, Rope } from '@hfquant/models'
import { convert, DECODER, type Graph, type TokenRows } from '@hfquant/onnx'
import { attentionAttributes, optionalInputs, withPaddedHeads } from './grouped-query-attention.js'
import { positionBias } from './position-bias.js'
import { createRotation } from './rotary-tables.js'
import type { RunRequest } from './run-ops.js'

/**
 * Attention over caches that belong to the session.
 *
 * Keys are turned by nodes of their own, so that they are values of the graph: with the new values they are its only
 * cache outputs. The operator's own `present` outputs would be the whole cache, copied for every token; they must be
 * declared all the same, or its results are wrong.
 *
 * The operator reads queries, keys and values in the dtype of the cache. On x86 its sums and its softmax are float32 all
 * the same.
 */
export function createAttention(
  request: RunRequest & { readonly rows: TokenRows },
): Pick<Ops, 'attend' | 'rotate'> {
  const { graph, facts, rows, cacheDtype } = request
  /** From the float32 in which everything else is computed. */
  const toCache = (value: GraphValue) => convert(graph, value, 'float32', cacheDtype)
  const lengths = lengthInputs(graph)
  /** Keys and values of each layer that has its own: what was cached, and the new ones. */
  const caches = new Map<number, CacheValues>()

  const cacheOf = ({ layer, key, value, kvHeads, heads, cacheOf: other }: AttendCall): CacheValues => {
    if (other !== undefined) return caches.get(other)!
    const padded = withPaddedHeads(graph, heads)
    const made: CacheValues = {
      newKey: toCache(rows.toSequences(padded.widen(key!, kvHeads))),
      newValue: toCache(rows.toSequences(padded.widen(value!, kvHeads))),
      pastKey: graph.input(DECODER.pastKey(layer), cacheDtype, ['B', kvHeads, 'P', padded.size]),
      pastValue: graph.input(DECODER.pastValue(layer), cacheDtype, ['B', kvHeads, 'P', padded.size]),
    }
    const shape = ['B', 'S', kvHeads * padded.size]
    graph.output(DECODER.newKey(layer), made.newKey, cacheDtype, shape)
    graph.output(DECODER.newValue(layer), made.newValue, cacheDtype, shape)
    caches.set(layer, made)
    return made
  }

  const rotate = createRotation({
    ...{ graph, maxPositions: facts.maxPositions },
    constant: (table) => graph.constant(table),
    rowsOf: rotaryRows(request),
  })
  return {
    // Attention wants queries and keys by sequence: turned there, they stand beside the values that are brought there too.
    rotate: (x, rope, heads) => rows.fromSequences(rotate(rows.toSequences(x), rope, heads)),
    attend(call) {
      const { heads, slopes, window } = call
      const { newKey, newValue, pastKey, pastValue } = cacheOf(call)
      const padded = withPaddedHeads(graph, heads)
      const query = toCache(rows.toSequences(padded.widen(call.query, heads.count)))
      // A layer that reads the cache of another one has its window as well.
      const own = facts.layers[call.cacheOf ?? call.layer]!
      const { last, total } = lengths(own.kind === 'kv' ? own.window : undefined)
      const bias = slopes && toCache(positionBias(graph, { slopes, last, total, newTokens: query }))
      const [attended] = graph.nodes(
        'GroupQueryAttention',
        [
          ...[query, newKey, newValue, pastKey, pastValue, last, total],
          ...optionalInputs(bias, call.sinks && convert(graph, call.sinks, 'float32', cacheDtype)),
        ],
        3,
        { domain: 'com.microsoft', attributes: attentionAttributes({ ...call, window }) },
      )
      const wide = convert(graph, attended!, cacheDtype, 'float32')
      return padded.narrow(rows.fromSequences(wide), heads.count)
    },
  }
}

interface CacheValues {
  readonly newKey: GraphValue
  readonly newValue: GraphValue
  readonly pastKey: GraphValue
  readonly pastValue: GraphValue
}

/** How many tokens each sequence has: in all, or as far as the cache of a window keeps them. */
function lengthInputs(graph: Graph) {
  const known = new Map<number | undefined, { readonly last: GraphValue; readonly total: GraphValue }>()
  return (window: number | undefined) => {
    const made = known.get(window) ?? {
      last: graph.input(window === undefined ? DECODER.lastPosition : DECODER.windowLast(window), 'int32', [
        'B',
      ]),
      total: graph.input(
        window === undefined ? DECODER.totalLength : DECODER.windowTotal(window),
        'int32',
        [],
      ),
    }
    known.set(window, made)
    return made
  }
}

/** Positions in the rotary table. */
function rotaryRows({ graph, facts, rows }: RunRequest & { readonly rows: TokenRows }) {
  let isLong: GraphValue | undefined
  return ({ scaling }: Rope): GraphValue => {
    if (scaling.type !== 'longrope' || facts.longRope === undefined) return rows.sequencePositions()
    isLong ??= graph.input(DECODER.longSequence, 'int64', ['B', 1])
    const offset = graph.node('Mul', [isLong, graph.literal('int64', [1], [scaling.originalMaxPositions])])
    return graph.node('Add', [rows.sequencePositions(), offset])
  }
}
