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
  readonly path: string
  readonly cuts: readonly GraphValue[]
}

export interface TracedModel {
  readonly blocks: readonly TracedBlock[]
  /** What comes out of the last block. */
  readonly end: GraphValue | undefined
  readonly modules: readonly TracedModule[]
}

/** Collects where blocks and modules lie while a model is lowered. */
export function createTrace(): { readonly trace: LoweringTrace; readonly model: () => TracedModel } {
  const blocks: { path: string; cuts: GraphValue[] }[] = []
  const modules: TracedModule[] = []
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
    moduleLowered: (path, input, output) => void modules.push({ path, input, output }),
  }
  return { trace, model: () => ({ blocks, end, modules }) }
}
