import type { GraphValue } from '@hfquant/core'
import type { AttendCall, Ops, Rope } from '@hfquant/models'
import { convert, DECODER, type Graph, type TokenRows } from '@hfquant/onnx'
import { attentionByProducts, VALUE_PART } from './attention-by-products.js'
import { attentionAttributes, optionalInputs, withPaddedHeads } from './grouped-query-attention.js'
import { keyMask } from './key-mask.js'
import { positionBias } from './position-bias.js'
import { createRotation } from './rotary-tables.js'
import type { RunRequest } from './run-ops.js'

/**
 * Attention over caches that belong to the session.
 *
 * Keys are turned by nodes of their own, so that they are values of the graph: with the new values they are its only
 * cache outputs. Prompts are read by the runtime's own operator, whose `present` outputs are the whole cache, copied in
 * every run; they must be declared, or its results are wrong. Tokens that follow a prompt come one or a few at a time: for
 * these the copy would take longer than everything else, and attention reads the cache as it lies.
 *
 * The operator reads queries, keys and values in the dtype of the cache. On x86 its sums and its softmax are float32 all
 * the same.
 */
export function createAttention(
  request: RunRequest & { readonly rows: TokenRows },
): Pick<Ops, 'attend' | 'rotate'> {
  const { graph, facts, rows, cacheDtype, trace } = request
  /** From the float32 in which everything else is computed. */
  const toCache = (value: GraphValue) => convert(graph, value, 'float32', cacheDtype)
  const readsPrompt = once(() => graph.input(DECODER.readsPrompt, 'bool', []))
  const cacheLengths = lengthsByWindow(graph, rows)
  const masks = new Map<string, GraphValue>()
  /** Keys and values of each layer that has its own: what was cached, and the new ones. */
  const caches = new Map<number, CacheValues>()

  const cacheOf = ({ layer, key, value, kvHeads, heads, cacheOf: other }: AttendCall): CacheValues => {
    if (other !== undefined) {
      const known = caches.get(other)!
      for (const value of [known.newKey, known.newValue]) trace?.sideValue(value)
      return known
    }
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

  /** Layers with the same windows and biases share it. */
  const maskOf = ({ heads, kvHeads, window, slopes }: AttendCall, lengths: CacheLengths): GraphValue => {
    const group = heads.count / kvHeads
    const key = JSON.stringify([window, lengths.last.id, group, slopes && [kvHeads, slopes]])
    const known = masks.get(key)
    if (known !== undefined) return known
    // As many numbers as the scores of some heads: of a whole prompt they would take more memory than its attention. Any
    // value stands for them then.
    const made = graph.branch(graph.node('Not', [readsPrompt()]), lengths.ones, () =>
      keyMask(graph, { ...lengths, window, kvHeads, group, slopes }),
    )
    masks.set(key, made)
    return made
  }

  const attendPrompt = (
    call: AttendCall,
    query: GraphValue,
    { newKey, newValue, pastKey, pastValue }: CacheValues,
    { last, total }: CacheLengths,
  ): GraphValue => {
    const { slopes, sinks } = call
    const bias = slopes && toCache(positionBias(graph, { slopes, last, total, newTokens: query }))
    const [attended] = graph.nodes(
      'GroupQueryAttention',
      [
        ...[query, newKey, newValue, pastKey, pastValue, last, total],
        ...optionalInputs(bias, sinks && toCache(sinks)),
      ],
      3,
      { domain: 'com.microsoft', attributes: attentionAttributes(call) },
    )
    return attended!
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
      const { heads } = call
      const cache = cacheOf(call)
      const padded = withPaddedHeads(graph, heads)
      const query = rows.toSequences(padded.widen(call.query, heads.count))
      // A layer that reads the cache of another one has its window as well.
      const own = facts.layers[call.cacheOf ?? call.layer]!
      const lengths = cacheLengths(own.kind === 'kv' ? own.window : undefined, cache)
      const mask = maskOf(call, lengths)
      const toFloat = (value: GraphValue) => convert(graph, value, cacheDtype, 'float32')
      const byProducts = () =>
        attentionByProducts(graph, {
          ...{ call, query, mask, size: padded.size, lengths: lengths.both, ones: lengths.ones },
          newKey: toFloat(cache.newKey),
          newValue: toFloat(cache.newValue),
          pastKey: toFloat(cache.pastKey),
          pastValue: toFloat(cache.pastValue),
        })
      const attended = graph.branch(readsPrompt(), byProducts, () =>
        toFloat(attendPrompt(call, toCache(query), cache, lengths)),
      )
      return padded.narrow(rows.fromSequences(attended), heads.count)
    },
  }
}

interface CacheValues {
  readonly newKey: GraphValue
  readonly newValue: GraphValue
  readonly pastKey: GraphValue
  readonly pastValue: GraphValue
}

/** How many tokens there are: in all, or as far as the cache of a window keeps them. */
interface CacheLengths {
  /** int32 [B] and []; see DECODER. */
  readonly last: GraphValue
  readonly total: GraphValue
  /** Tokens that the cache has room for, and new ones, int64 [1] each, and [2]. */
  readonly capacity: GraphValue
  readonly newTokens: GraphValue
  readonly both: GraphValue
  /** A one for each part of the cache whose values are summed apart, [1, parts]. */
  readonly ones: GraphValue
}

function lengthsByWindow(graph: Graph, rows: TokenRows) {
  const known = new Map<number | undefined, CacheLengths>()
  return (window: number | undefined, { pastKey }: CacheValues): CacheLengths => {
    const made = known.get(window) ?? {
      last: graph.input(window === undefined ? DECODER.lastPosition : DECODER.windowLast(window), 'int32', [
        'B',
      ]),
      total: graph.input(
        window === undefined ? DECODER.totalLength : DECODER.windowTotal(window),
        'int32',
        [],
      ),
      ...cacheSizes(graph, rows.sequencePositions(), pastKey),
    }
    known.set(window, made)
    return made
  }
}

/** @param positions [B, S], of which there are as many as new tokens: blocks share no value that follows from tokens. */
function cacheSizes(graph: Graph, positions: GraphValue, pastKey: GraphValue) {
  const sizeOf = (value: GraphValue, axis: number) =>
    graph.node('Shape', [value], { attributes: { start: { int: axis }, end: { int: axis + 1 } } })
  const vector = (value: number) => graph.literal('int64', [1], [value])
  const joined = (...sizes: readonly GraphValue[]) =>
    graph.node('Concat', sizes, { attributes: { axis: { int: 0 } } })
  const [capacity, newTokens] = [sizeOf(pastKey, 2), sizeOf(positions, 1)]
  const parts = graph.node('Div', [capacity, vector(VALUE_PART)])
  const ones = graph.node('Expand', [graph.literal('float32', [1, 1], [1]), joined(vector(1), parts)])
  return { capacity, newTokens, both: joined(capacity, newTokens), ones }
}

/** Made when it is first asked for: a graph without attention has no such input. */
function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined
  return () => {
    made ??= make()
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
