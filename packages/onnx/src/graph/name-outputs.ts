import type { GraphPort, Node } from './graph-parts.js'

/**
 * Values that a node computes take the name of the output that they are, instead of being copied to it. What is an
 * input, a constant or an output already is still copied.
 */
export function nameOutputs(nodes: readonly Node[], outputs: readonly GraphPort[]): readonly Node[] {
  const isOutput = new Set(outputs.map(({ name }) => name))
  const isMade = new Set(nodes.flatMap((node) => node.outputs))
  const names = new Map<string, string>()
  const copies = new Set<Node>()
  for (const node of nodes) {
    const [from, to] = [node.inputs[0]!, node.outputs[0]!]
    if (node.operator !== 'Identity' || !isOutput.has(to)) continue
    if (!isMade.has(from) || isOutput.has(from) || names.has(from)) continue
    names.set(from, to)
    copies.add(node)
  }
  const named = (id: string) => names.get(id) ?? id
  return nodes
    .filter((node) => !copies.has(node))
    .map((node) => ({ ...node, inputs: node.inputs.map(named), outputs: node.outputs.map(named) }))
}
