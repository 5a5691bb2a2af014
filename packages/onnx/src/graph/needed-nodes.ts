import type { GraphPort, Node } from './graph-parts.js'

/** The nodes that an output is computed from: values may be made before it is known whether anybody reads them. */
export function neededNodes(nodes: readonly Node[], outputs: readonly GraphPort[]): readonly Node[] {
  const read = new Set(outputs.map(({ name }) => name))
  const needed: Node[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((id) => read.has(id))) continue
    needed.push(node)
    for (const id of node.inputs) read.add(id)
  }
  return needed.reverse()
}
