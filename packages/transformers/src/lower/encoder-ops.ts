import type { GraphValue } from '@hfquant/core'
import type { EncoderOps } from '@hfquant/models'
import { cast, DECODER, type Graph, tokenRows } from '@hfquant/onnx'
import { countedPositions } from './counted-positions.js'
import { encoderAttention } from './encoder-attention.js'
import { applyHead, layerOps, type RunRequest } from './run-ops.js'

/** What an encoder is run with. */
export function runEncoderOps(request: RunRequest): EncoderOps {
  const { graph, trace } = request
  const rows = tokenRows(graph, request.layout)
  const axis = (...values: number[]) => graph.literal('int64', [values.length], values)
  const last = once(() => graph.input(DECODER.lastPosition, 'int32', ['B']))
  const total = once(() => graph.input(DECODER.totalLength, 'int32', []))
  const byText = (hidden: GraphValue) => {
    const tokens = rows.toSequences(hidden) // [B, S, channels]
    const isToken = graph.node('Unsqueeze', [tokensOf(graph, last(), total()), axis(-1)])
    return graph.node('Where', [isToken, tokens, graph.literal('float32', [], [0])])
  }
  const flat = (hidden: GraphValue) => graph.node('Flatten', [hidden], { attributes: { axis: { int: 2 } } })
  const output: EncoderOps['output'] = (name, value, shape) => graph.output(name, value, 'float32', shape)
  return {
    ...layerOps(request, rows, encoderAttention({ ...request, rows, last, total })),
    get positions() {
      return rows.positions()
    },
    get types() {
      return rows.types()
    },
    countedPositions: (padding) =>
      rows.fromSequences(countedPositions(graph, rows.toSequences(rows.ids), padding)),
    blocksEnd(hidden) {
      trace?.blocksEnd(hidden)
      return hidden
    },
    byText,
    first: (hidden) =>
      graph.node('Gather', [rows.toSequences(hidden), axis(0)], { attributes: { axis: { int: 1 } } }),
    mean(hidden) {
      const ends = graph.node('Unsqueeze', [last(), axis(1, 2)]) // [B, 1, 1]
      const sums = sumsUpTo(graph, rows.toSequences(hidden), cast(graph, ends, 'int64'))
      const counts = graph.node('Add', [cast(graph, ends, 'float32'), graph.literal('float32', [], [1])])
      return graph.node('Div', [sums, counts])
    },
    rows: flat,
    vocabulary: (path, hidden) => applyHead(path, hidden, request),
    input: (name, dtype, shape) => graph.input(name, dtype, shape),
    output,
    outputOfTokens: (name, value, width) => output(name, flat(value), ['rows', width]),
    outputOfTexts: (name, value, width) => output(name, value, ['B', 1, width]),
  }
}

/** A graph has those inputs alone that it reads. */
function once(make: () => GraphValue): () => GraphValue {
  let made: GraphValue | undefined
  return () => {
    made ??= make()
    return made
  }
}

/**
 * Of tokens [B, S, channels], the sum of those up to `ends`, int64 [B, 1, 1], of each text: [B, 1, channels].
 *
 * A sum over S would depend on the longest text in its last bits: the runtime takes numbers together as their count allows,
 * zeros among them. A running sum adds one token after the other, whatever comes behind.
 */
function sumsUpTo(graph: Graph, tokens: GraphValue, ends: GraphValue): GraphValue {
  const sums = graph.node('CumSum', [tokens, graph.literal('int64', [], [1])])
  return graph.node('GatherND', [sums, ends], { attributes: { batch_dims: { int: 1 } } })
}

/** bool [B, S]: whether a token belongs to its text, or stands behind it. */
function tokensOf(graph: Graph, last: GraphValue, total: GraphValue): GraphValue {
  const [zero, one] = [0, 1].map((value) => graph.literal('int32', [], [value]))
  const places = graph.node('Range', [zero, total, one])
  return graph.node('LessOrEqual', [
    places,
    graph.node('Unsqueeze', [last, graph.literal('int64', [1], [1])]),
  ])
}
