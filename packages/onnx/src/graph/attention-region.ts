import type { Node, PortedGraph } from './graph-parts.js'
import { readersOf } from './node-facts.js'

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

export function attentionRegion({ nodes: all, outputs }: PortedGraph): AttentionRegion {
  const nodes = new Set<Node>()
  const names = new Set(outputs.map(({ name }) => name))
  const isOutput = ({ operator, outputs: [id] }: Node) => operator === 'Identity' && names.has(id!)
  const readers = readersOf(all)
  for (const node of all.toReversed()) {
    const reads = node.outputs.flatMap((id) => (readers.get(id) ?? []).map((reader) => ({ id, reader })))
    const isBrought = ({ id, reader }: (typeof reads)[number]) => nodes.has(reader) && broughtBy(reader, id)
    const isBringing =
      MOVES.has(node.operator) &&
      reads.some(isBrought) &&
      reads.every((read) => isBrought(read) || isOutput(read.reader))
    if (node.operator === ATTENTION || isBringing) nodes.add(node)
  }
  return { nodes, apart: (border) => separate(all, nodes, border, isOutput) }
}

/** Queries, keys and values; what a node reads beside them, such as caches, tables and positions, is its own matter. */
const brought = ({ operator, inputs }: Node): readonly string[] =>
  inputs.slice(0, operator === ATTENTION ? 3 : 1)

const broughtBy = (node: Node, id: string): boolean =>
  brought(node).includes(id) && !node.inputs.slice(brought(node).length).includes(id)

function separate(
  all: readonly Node[],
  region: ReadonlySet<Node>,
  border: Border,
  isOutput: (node: Node) => boolean,
): readonly Node[] {
  const inside = new Set([...region].flatMap(({ outputs }) => outputs))
  const entered = new Map<string, string>()
  const enter = (id: string): readonly Node[] => {
    if (id === '' || inside.has(id) || entered.has(id)) return []
    entered.set(id, `${id}_by_sequence`)
    return [border.in(id, `${id}_by_sequence`)]
  }
  const separated = all.flatMap((node) => {
    if (!region.has(node)) return [node]
    const before = brought(node).flatMap(enter)
    const inputs = node.inputs.map((id, at) => (at < brought(node).length ? (entered.get(id) ?? id) : id))
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
