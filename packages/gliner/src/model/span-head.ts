import { type FloatDtype, type GraphValue, Module } from '@hfquant/core/runtime'
import type { EncoderOps } from '@hfquant/models'
import { FIRST, LAST, runNetwork, smallNetwork } from './small-network.js'

const SPANS = 'span_rep_layer.span_rep_layer'
const LABELS = 'prompt_rep_layer'
/** Wider than what goes in, in all of its networks. */
const WIDENING = 4

export interface SpanHeadSizes {
  readonly size: number
  readonly maxWidth: number
}

/** Spans from their first and their last word, and labels to compare them with. */
export function buildSpanHead(root: Module, size: number, dtype: FloatDtype): void {
  const hidden = WIDENING * size
  const outer = root.child('span_rep_layer', new Module())
  const inner = outer.child('span_rep_layer', new Module())
  for (const name of ['project_start', 'project_end'])
    inner.child(name, smallNetwork({ input: size, hidden, output: size }, dtype))
  inner.child('out_project', smallNetwork({ input: 2 * size, hidden, output: size }, dtype))
  root.child(LABELS, smallNetwork({ input: size, hidden, output: size }, dtype))
}

/**
 * Logits of every span and label: products of the vector of the span, out(ReLU([start of its first word; end of its last])),
 * with that of the label.
 *
 * The first layer of `out` sees first and last word in halves of their own, so it is computed for words, not for spans; its
 * last layer is multiplied into the labels: logit = ReLU(A[first] + E[last]) · (W₂ᵀ p) + b₂ · p. That takes 4·size products
 * for a span and a label in place of 12·size² for a span.
 *
 * @param words [B, L, size]
 * @param labels [B, C, size]
 * @returns [B, L, maxWidth, C]; numbers of spans that reach behind the text mean nothing.
 */
export function spanLogits(
  ops: EncoderOps,
  { size, maxWidth }: SpanHeadSizes,
  words: GraphValue,
  labels: GraphValue,
): GraphValue {
  const { graph } = ops
  const out = `${SPANS}.out_project`
  const begins = halfOf(ops, `${SPANS}.project_start`, words, [0, size])
  const ends = halfOf(ops, `${SPANS}.project_end`, words, [size, 0])
  const first = ops.linear(`${out}.${FIRST}`, begins) // [B, L, 4·size], with the bias
  const last = graph.node('Sub', [
    ops.linear(`${out}.${FIRST}`, ends),
    ops.parameter(`${out}.${FIRST}.bias`, [WIDENING * size]),
  ])
  const prompt = runNetwork(ops, LABELS, labels) // [B, C, size]
  const weights = turned(graph.node('MatMul', [prompt, ops.matrix(`${out}.${LAST}`)])) // [B, 4·size, C]
  const bias = graph.node('Reshape', [
    ops.parameter(`${out}.${LAST}.bias`, [size]),
    graph.literal('int64', [2], [size, 1]),
  ])
  const shift = turned(graph.node('MatMul', [prompt, bias])) // [B, 1, C]
  const behind = pad(ops, last, [0, 0, 0, 0, maxWidth - 1, 0])
  const byWidth = Array.from({ length: maxWidth }, (_, width) => {
    const own = graph.node('Slice', [behind, axis(width), axis(endOf(width)), axis(1)])
    const hidden = ops.activate('relu', ops.add(first, own), out)
    const logits = ops.add(graph.node('MatMul', [hidden, weights]), shift) // [B, L, C]
    return graph.node('Unsqueeze', [logits, axis(2)])
  })
  return graph.node('Concat', byWidth, { attributes: { axis: { int: 2 } } })

  function axis(value: number): GraphValue {
    return graph.literal('int64', [1], [value])
  }

  /** Of the padded words, those that a span of this width ends with: as many as there are words. */
  function endOf(width: number): number {
    return width === maxWidth - 1 ? Number.MAX_SAFE_INTEGER : width - (maxWidth - 1)
  }

  function turned(matrix: GraphValue): GraphValue {
    return graph.node('Transpose', [matrix], { attributes: { perm: { ints: [0, 2, 1] } } })
  }
}

/** What the first layer of `out` reads of a word, zeros in place of the other one: [B, L, 2·size]. */
function halfOf(
  ops: EncoderOps,
  path: string,
  words: GraphValue,
  [before, after]: readonly [number, number],
): GraphValue {
  const vectors = ops.activate('relu', runNetwork(ops, path, words), path)
  return pad(ops, vectors, [0, 0, before, 0, 0, after])
}

const pad = ({ graph }: EncoderOps, x: GraphValue, widths: readonly number[]): GraphValue =>
  graph.node('Pad', [x, graph.literal('int64', [widths.length], widths)])
