import type { Node } from './graph-parts.js'

const ATTENTION = 'GroupQueryAttention'

/** Operators between a projection and attention that only turn, cut or cast what they get. */
const MOVES = new Set(['Cast', 'RotaryEmbedding', 'Split'])

/** Nodes that enter and leave a region. */
export interface Border {
  in(from: string, to: string): Node
  out(from: string, to: string): Node
}

/** Attention of every layer, and what does nothing but bring queries, keys and values there. */
export interface AttentionRegion {
  readonly nodes: ReadonlySet<Node>
  /** All nodes of the graph, with others where values enter the region, and where results of attention leave it. */
  apart(border: Border): readonly Node[]
}

export function attentionRegion(all: readonly Node[]): AttentionRegion {
  const nodes = new Set<Node>()
  const readers = new Map<string, Node[]>()
  for (const node of all) for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node])
  for (const node of all.toReversed()) {
    const readBy = node.outputs.flatMap((id) => readers.get(id) ?? [])
    const isBringing =
      MOVES.has(node.operator) &&
      readBy.some((reader) => nodes.has(reader)) &&
      readBy.every((reader) => nodes.has(reader) || isOutput(reader))
    if (node.operator === ATTENTION || isBringing) nodes.add(node)
  }
  return { nodes, apart: (border) => separate(all, nodes, border) }
}

/** An output of the graph. */
const isOutput = ({ operator }: Node): boolean => operator === 'Identity'

function separate(all: readonly Node[], region: ReadonlySet<Node>, border: Border): readonly Node[] {
  const inside = new Set([...region].flatMap(({ outputs }) => outputs))
  const entered = new Map<string, string>()
  const enter = (id: string): readonly Node[] => {
    if (inside.has(id) || entered.has(id)) return []
    entered.set(id, `${id}_by_sequence`)
    return [border.in(id, `${id}_by_sequence`)]
  }
  const data = ({ operator, inputs }: Node) => inputs.slice(0, operator === ATTENTION ? 3 : 1)
  const separated = all.flatMap((node) => {
    if (!region.has(node)) return [node]
    const before = data(node).flatMap(enter)
    const inputs = node.inputs.map((id, index) => (index < data(node).length ? (entered.get(id) ?? id) : id))
    if (node.operator !== ATTENTION) return [...before, { ...node, inputs }]
    const [result, ...others] = node.outputs as [string, ...string[]]
    const attended = `${result}_by_sequence`
    return [...before, { ...node, inputs, outputs: [attended, ...others] }, border.out(attended, result)]
  })
  // Keys and values leave the graph as attention reads them.
  return separated.map((node) =>
    isOutput(node) ? { ...node, inputs: node.inputs.map((id) => entered.get(id) ?? id) } : node,
  )
}
