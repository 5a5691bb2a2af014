import type { GraphValue } from '@hfquant/core'
import type { LoweringTrace } from '@hfquant/onnx'

/** A module that maps one value to one value. */
export interface TracedModule {
  readonly path: string
  readonly input: GraphValue
  readonly output: GraphValue
}

/** A block, and the hidden states between which it lies; those between first and last are places to cut it. */
export interface TracedBlock {
  /** Of its layers: more than one where layers take turns. */
  readonly paths: readonly string[]
  readonly cuts: readonly GraphValue[]
}

export interface TracedModel {
  readonly blocks: readonly TracedBlock[]
  /** What comes out of the last block. */
  readonly end: GraphValue | undefined
  readonly modules: readonly TracedModule[]
  /** What blocks read beside hidden states. */
  readonly sides: readonly GraphValue[]
}

/** Collects where blocks and modules lie while a model is lowered. */
export function createTrace(): { readonly trace: LoweringTrace; readonly model: () => TracedModel } {
  const blocks: { path: string; cuts: GraphValue[] }[] = []
  const modules: TracedModule[] = []
  const sides = new Map<string, GraphValue>()
  let end: GraphValue | undefined
  const trace: LoweringTrace = {
    blockBegins(path, hidden) {
      blocks.at(-1)?.cuts.push(hidden)
      blocks.push({ path, cuts: [hidden] })
    },
    blockContinues: (hidden) => void blocks.at(-1)?.cuts.push(hidden),
    blocksEnd(hidden) {
      blocks.at(-1)?.cuts.push(hidden)
      end = hidden
    },
    sideValue: (value) => void sides.set(value.id, value),
    moduleLowered: (path, input, output) => void modules.push({ path, input, output }),
  }
  const model = () => ({ blocks: joinRepeated(blocks), end, modules, sides: [...sides.values()] })
  return { trace, model }
}

/** From the first run of a layer to its last one all is one block: its weights are fitted to what they see in every run. */
function joinRepeated(
  runs: readonly { readonly path: string; readonly cuts: readonly GraphValue[] }[],
): readonly TracedBlock[] {
  const lastRun = new Map(runs.map(({ path }, index) => [path, index]))
  const blocks: TracedBlock[] = []
  for (let first = 0, last = 0; first < runs.length; first = last + 1) {
    last = first
    for (let index = first; index <= last; index++) last = Math.max(last, lastRun.get(runs[index]!.path)!)
    const own = runs.slice(first, last + 1)
    const cuts = own.flatMap((run) => run.cuts)
    const paths = [...new Set(own.map(({ path }) => path))]
    blocks.push({ paths, cuts: first === last ? cuts : [cuts[0]!, cuts.at(-1)!] })
  }
  return blocks
}
