import type { GraphValue } from '@hfquant/core'
import type { Node } from './graph-parts.js'

/** The node that makes each value; `known` is brought up to date. */
export interface Makers {
  readonly nodes: Map<string, Node>
  count: number
}

export function makers(nodes: readonly Node[], known: Makers): ReadonlyMap<string, Node> {
  for (; known.count < nodes.length; known.count++) {
    const node = nodes[known.count]!
    for (const id of node.outputs) known.nodes.set(id, node)
  }
  return known.nodes
}

export function ancestors(
  madeBy: ReadonlyMap<string, Node>,
  values: readonly GraphValue[],
  until: ReadonlySet<string>,
): ReadonlySet<string> {
  const found = new Set<string>()
  const open = values.map(({ id }) => id)
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === '' || found.has(id)) continue
    found.add(id)
    if (!until.has(id)) open.push(...(madeBy.get(id)?.inputs ?? []))
  }
  return found
}
