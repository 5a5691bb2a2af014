import type { Node } from './graph-parts.js'

/** A node as ONNX has it: an `If` holds the nodes of its branches. */
export interface BranchedNode extends Node {
  readonly branches?: Readonly<Record<'then_branch' | 'else_branch', Branch>>
}

export interface Branch {
  readonly nodes: readonly BranchedNode[]
  /** The value that the branch gives. */
  readonly result: string
}

/** Nodes of branches put into the `If` that opens each. */
export function withBranches(nodes: readonly Node[]): readonly BranchedNode[] {
  const inside = new Map<string, Node[]>()
  for (const node of nodes) {
    if (node.branch === undefined) continue
    const known = inside.get(node.branch)
    if (known === undefined) inside.set(node.branch, [node])
    else known.push(node)
  }
  return nodes.flatMap((node): readonly BranchedNode[] => {
    if (node.branch !== undefined) return []
    if (node.opens === undefined) return [node]
    const [condition, result, otherwise] = node.inputs as [string, string, string]
    const branchOf = (name: string | undefined, value: string): Branch => {
      if (name !== undefined) return { nodes: inside.get(name) ?? [], result: value }
      const kept = `${node.outputs[0]}_otherwise`
      return { nodes: [identity(value, kept)], result: kept }
    }
    const { opens } = node
    const branches = {
      then_branch: branchOf(opens.body, result),
      else_branch: branchOf(opens.otherwise, otherwise),
    }
    return [{ ...node, inputs: [condition], branches }]
  })
}

/** The same nodes with every condition taken for granted. */
export const withoutBranches = (nodes: readonly Node[]): readonly Node[] =>
  nodes.map(({ branch: _, opens, ...node }) =>
    opens === undefined ? node : identity(node.inputs[1]!, node.outputs[0]!),
  )

const identity = (from: string, to: string): Node => ({
  ...{ operator: 'Identity', domain: '', attributes: {} },
  ...{ inputs: [from], outputs: [to] },
})
