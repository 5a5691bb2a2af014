import { type FloatDtype, type GraphValue, Linear, Module } from '@hfquant/core/runtime'
import type { EncoderOps } from '@hfquant/models'
import { runNetwork, smallNetwork } from './small-network.js'

const SCORER = 'scorer'
/** Start, end, inside. */
const PARTS = 3

/** Numbers that are held at once of every pair of a word and a label: what the two layers of `out_mlp` read. */
export const pairValues = (size: number): number => 3 * size + 4 * size

/** Words and labels, compared in pairs. */
export function buildTokenHead(root: Module, size: number, dtype: FloatDtype): void {
  const scorer = root.child(SCORER, new Module())
  for (const name of ['proj_token', 'proj_label'])
    scorer.child(name, new Linear(size, 2 * size, dtype, { bias: true }))
  scorer.child('out_mlp', smallNetwork({ input: 3 * size, hidden: 4 * size, output: PARTS }, dtype))
}

/**
 * Logits of start, end and inside of every word and label: out_mlp([t₁; l₁; t₂ ⊙ l₂]), with [t₁ | t₂] of the word and
 * [l₁ | l₂] of the label.
 *
 * @param words [B, L, size]
 * @param labels [B, C, size]
 * @returns [B, L, C, 3]
 */
export function tokenLogits(
  ops: EncoderOps,
  size: number,
  words: GraphValue,
  labels: GraphValue,
): GraphValue {
  const { graph } = ops
  const axis = (value: number) => graph.literal('int64', [1], [value])
  const halves = (path: string, x: GraphValue, along: number) =>
    ops.split(graph.node('Unsqueeze', [ops.linear(path, x), axis(along)]), [size, size])
  const [word1, word2] = halves(`${SCORER}.proj_token`, words, 2) // [B, L, 1, size]
  const [label1, label2] = halves(`${SCORER}.proj_label`, labels, 1) // [B, 1, C, size]
  const products = ops.mul(word2!, label2!) // [B, L, C, size]
  const shape = graph.node('Shape', [products])
  const spread = (x: GraphValue) => graph.node('Expand', [x, shape])
  const pairs = graph.node('Concat', [spread(word1!), spread(label1!), products], {
    attributes: { axis: { int: -1 } },
  })
  // Products take rows: [B, L · C, 3 · size].
  const rows = graph.node('Reshape', [pairs, graph.literal('int64', [3], [0, -1, 3 * size])])
  const logits = runNetwork(ops, `${SCORER}.out_mlp`, rows)
  const sizes = graph.node('Slice', [shape, axis(0), axis(3)])
  return graph.node('Reshape', [
    logits,
    graph.node('Concat', [sizes, axis(PARTS)], { attributes: { axis: { int: 0 } } }),
  ])
}
