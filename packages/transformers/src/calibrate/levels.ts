import type { GraphValue, LinearGroup } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import type { TracedModule } from './trace-blocks.js'

/** Linear layers that read the same values of a graph. */
export interface ValueGroup extends LinearGroup {
  /** One for each time that they are run. */
  readonly values: readonly GraphValue[]
  /** An expert's: some of the tokens, [rows, width] in place of [sequences, tokens, width]. */
  readonly isRouted: boolean
}

export interface LevelsRequest {
  readonly graph: Graph
  readonly from: GraphValue
  readonly to: GraphValue
  /** What was made before, and is read between them. */
  readonly before: readonly GraphValue[]
  readonly modules: readonly TracedModule[]
  /** Input features of a module; undefined for one that is not wanted. */
  readonly widthOf: (path: string) => number | undefined
}

/**
 * The wanted modules between two values of a graph, in the order in which they depend on each other: level 0 needs none of
 * them, level n one of level n - 1. Modules of a level that read the same values form a group. What a module depends on is
 * told from its first run: in a later one it depends on what it has made itself.
 */
export function levelsBetween(request: LevelsRequest): readonly ValueGroup[][] {
  const { graph, from, to, before: earlier, modules, widthOf } = request
  const border = new Set([from.id, ...earlier.map(({ id }) => id)])
  const inside = graph.ancestors(to, border)
  const runs = new Map<string, { readonly values: GraphValue[]; readonly output: GraphValue }>()
  for (const { path, input, output } of modules) {
    if (!inside.has(output.id) || output.id === from.id || widthOf(path) === undefined) continue
    const known = runs.get(path)
    if (known === undefined) runs.set(path, { values: [input], output })
    else known.values.push(input)
  }
  const levelOf = new Map<string, number>()
  const levels: ValueGroup[][] = []
  // Modules are traced in the order of the graph, so what a module depends on has its level already.
  for (const [path, { values: all, output }] of runs) {
    // What a table passes through as well is fitted to tokens: the table is the same for all of them.
    const values = all.filter((value) => graph.ancestors(value, border).has(from.id))
    if (values[0] === undefined) continue
    const before = graph.ancestors(values[0], border)
    const needed = [...levelOf].filter(([id]) => before.has(id)).map(([, level]) => level + 1)
    const level = Math.max(0, ...needed)
    levelOf.set(output.id, level)
    levels[level] ??= []
    const group = levels[level].findIndex((one) => isSame(one.values, values))
    if (group < 0) {
      const isRouted = graph.isInBranch(values[0]!)
      levels[level].push({ values, modules: [path], width: widthOf(path)!, isRouted })
    } else
      levels[level][group] = { ...levels[level][group]!, modules: [...levels[level][group]!.modules, path] }
  }
  return levels
}

const isSame = (some: readonly GraphValue[], others: readonly GraphValue[]): boolean =>
  some.length === others.length && some.every(({ id }, index) => id === others[index]!.id)
