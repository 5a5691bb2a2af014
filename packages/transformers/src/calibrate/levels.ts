import type { GraphValue, LinearGroup } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import type { TracedModule } from './trace-blocks.js'

/** Linear layers that read the same value of a graph. */
export interface ValueGroup extends LinearGroup {
  readonly value: GraphValue
  /** An expert's: some of the tokens, [rows, width] in place of [sequences, tokens, width]. */
  readonly isRouted: boolean
}

export interface LevelsRequest {
  readonly graph: Graph
  readonly from: GraphValue
  readonly to: GraphValue
  readonly modules: readonly TracedModule[]
  /** Input features of a module; undefined for one that is not wanted. */
  readonly widthOf: (path: string) => number | undefined
}

/**
 * The wanted modules between two values of a graph, in the order in which they depend on each other: level 0 needs none of
 * them, level n one of level n - 1. Modules of a level that read the same value form a group.
 */
export function levelsBetween({ graph, from, to, modules, widthOf }: LevelsRequest): readonly ValueGroup[][] {
  const border = new Set([from.id])
  const inside = graph.ancestors(to, border)
  const wanted = modules.filter(
    ({ path, output }) => inside.has(output.id) && output.id !== from.id && widthOf(path) !== undefined,
  )
  const levelOf = new Map<string, number>()
  const levels: ValueGroup[][] = []
  // Modules are traced in the order of the graph, so what a module depends on has its level already.
  for (const { path, input, output } of wanted) {
    const before = graph.ancestors(input, border)
    // What a table passes through as well is fitted to tokens: the table is the same for all of them.
    if (!before.has(from.id)) continue
    const needed = [...levelOf].filter(([id]) => before.has(id)).map(([, level]) => level + 1)
    const level = Math.max(0, ...needed)
    levelOf.set(output.id, level)
    levels[level] ??= []
    const group = levels[level].findIndex(({ value }) => value.id === input.id)
    if (group < 0) {
      const isRouted = graph.isInBranch(input)
      levels[level].push({ value: input, modules: [path], width: widthOf(path)!, isRouted })
    } else
      levels[level][group] = { ...levels[level][group]!, modules: [...levels[level][group]!.modules, path] }
  }
  return levels
}
