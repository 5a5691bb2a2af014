import type { GraphValue } from '@hfquant/core'
import { cast, type Graph } from '@hfquant/onnx'
import { HIDDEN } from '../../lower/window-bias.js'
import type { OnnxFloat } from './onnx-type.js'
import { PORTS, SEQUENCE, tokenInput } from './ports.js'

/** A batch of texts as the library hands it over, [B, S], padded. */
export interface PaddedTexts {
  /** int64 [B, S] */
  readonly ids: GraphValue
  /** S, int64 [1] */
  length(): GraphValue
  /** int64 [B, S]: columns from 0 on. */
  positions(): GraphValue
  /** bool [B, S, 1]: whether a token belongs to its text. */
  isToken(): GraphValue
  /** Tokens of each text [B, 1, 1], in the floats of the graph. */
  counts(): GraphValue
  /** What hides padding from every query: [B, 1, 1, S], 0 or below any score. */
  hiddenKeys(): GraphValue
  /** The same, [B, 1, S, S]. */
  hiddenPairs(): GraphValue
}

/** Nodes are made when they are asked for. */
export function paddedTexts(graph: Graph, float: OnnxFloat): PaddedTexts {
  const ids = tokenInput(graph, PORTS.inputIds, SEQUENCE)
  const mask = tokenInput(graph, PORTS.attentionMask, SEQUENCE)
  const vector = (...values: number[]) => graph.literal('int64', [values.length], values)
  const shape = () => graph.node('Shape', [ids])
  const size = (axis: number) => graph.node('Gather', [shape(), vector(axis)])
  const length = () => size(1)
  const hiddenKeys = () => {
    const low = graph.node('Mul', [graph.node('Sub', [vector(1), mask]), vector(HIDDEN)])
    return cast(graph, graph.node('Unsqueeze', [low, vector(1, 2)]), float)
  }
  return {
    ids,
    length,
    positions() {
      const scalar = (value: number) => graph.literal('int64', [], [value])
      const columns = graph.node('Range', [scalar(0), graph.node('Squeeze', [length()]), scalar(1)])
      return graph.node('Expand', [columns, shape()])
    },
    isToken: () => cast(graph, graph.node('Unsqueeze', [mask, vector(-1)]), 'bool'),
    counts: () =>
      cast(graph, graph.node('Unsqueeze', [graph.node('ReduceSum', [mask, vector(1)]), vector(-1)]), float),
    hiddenKeys,
    hiddenPairs: () =>
      graph.node('Expand', [
        hiddenKeys(),
        graph.node('Concat', [size(0), vector(1), length(), length()], { attributes: { axis: { int: 0 } } }),
      ]),
  }
}
