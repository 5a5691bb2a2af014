import type { GraphValue } from '@hfquant/core'
import type { Graph } from '../graph/graph.js'
import type { Dimension } from '../graph/graph-parts.js'
import { DECODER, ENCODER } from '../session/decoder-ports.js'

/**
 * How the tokens of a run stand: a row for every sequence, [B, S, ...]; or all of them in one column, [rows, 1, ...], an
 * even number of them, for products that compute rows in pairs. The output matrix is one of those, or not.
 */
export type RowLayout = 'sequences' | { readonly column: 'all' | 'layers' }

/** The inputs of a graph that say which tokens there are and where they stand. */
export interface TokenRows {
  /** int64 [B, S], as the tokens stand. */
  readonly ids: GraphValue
  /** The same of their types. */
  types(): GraphValue
  /** The same of their positions. */
  positions(): GraphValue
  /** int64 [B, S] whatever the layout is. */
  sequencePositions(): GraphValue
  /** Values of tokens as they stand, ordered by sequence, [B, S, ...]. */
  toSequences(value: GraphValue): GraphValue
  /** And back. */
  fromSequences(value: GraphValue): GraphValue
  /** The rows of hidden states whose logits are wanted. */
  wanted(hidden: GraphValue): GraphValue
  /** Dimensions of logits before the vocabulary. */
  readonly wantedShape: readonly Dimension[]
}

/** Each input is declared when it is first asked for, so that a graph has those alone that it reads. */
export function tokenRows(graph: Graph, layout: RowLayout): TokenRows {
  const declared = new Map<string, GraphValue>()
  const input = (name: string, shape: readonly Dimension[]) => {
    const known = declared.get(name) ?? graph.input(name, 'int64', shape)
    declared.set(name, known)
    return known
  }
  const sequencePositions = () => input(DECODER.positionIds, ['B', 'S'])
  const gather = (values: GraphValue, rows: GraphValue, axis: number) =>
    graph.node('Gather', [values, rows], { attributes: { axis: { int: axis } } })

  if (layout === 'sequences') {
    return {
      ids: input(DECODER.inputIds, ['B', 'S']),
      types: () => input(ENCODER.tokenTypes, ['B', 'S']),
      positions: sequencePositions,
      sequencePositions,
      toSequences: (value) => value,
      fromSequences: (value) => value,
      wanted: (hidden) => gather(hidden, input(DECODER.logitsRows, ['R']), 1),
      wantedShape: ['B', 'R'],
    }
  }
  const attended = () => input(DECODER.attendedRows, ['B', 'S', 2])
  const paired = () => input(DECODER.pairedTokens, ['rows', 1, 2])
  const bySequence = new Map<string, GraphValue>()
  const fromSequences = (value: GraphValue) => {
    const moved = graph.node('GatherND', [value, paired()])
    bySequence.set(moved.id, value)
    return moved
  }
  return {
    ids: input(DECODER.inputIds, ['rows', 1]),
    types: () => input(ENCODER.tokenTypes, ['rows', 1]),
    positions: () => fromSequences(sequencePositions()),
    sequencePositions,
    toSequences: (value) => bySequence.get(value.id) ?? graph.node('GatherND', [value, attended()]),
    fromSequences,
    wanted(hidden) {
      const name = layout.column === 'all' ? DECODER.pairedLogits : DECODER.logitsRows
      return gather(hidden, input(name, ['R']), 0)
    },
    wantedShape: ['R', 1],
  }
}
