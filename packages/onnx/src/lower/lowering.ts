import {
  CapabilityError,
  Conv1D,
  Embedding,
  type GraphValue,
  Linear,
  type Module,
  QuantizedModule,
} from '@hfquant/core/runtime'
import type { Graph } from '../graph/graph.js'
import { lowerConv1D, lowerEmbedding, lowerLinear, lowerQuantized } from './linear.js'

/** How arithmetic is done: with the fast kernels of a format, or in float32 on the dequantized weights. */
export type Compute = 'fast' | 'exact'

export interface LoweringContext {
  readonly graph: Graph
  readonly compute: Compute
  readonly memory: 'auto' | 'low'
  /** Told where blocks and modules lie in the graph, by someone who wants to run parts of it. */
  readonly trace?: LoweringTrace
}

/** Hidden states are [B, S, D]. */
export interface LoweringTrace {
  /** These hidden states, and side values, are all that a block and everything behind it are computed from. */
  blockBegins(path: string, hidden: GraphValue): void
  /** The same for what is left of the block that began last. */
  blockContinues(hidden: GraphValue): void
  /** The same for what comes behind the blocks. */
  blocksEnd(hidden: GraphValue): void
  /** A value [B, S, channels] that blocks read beside hidden states, made before them or in one of them. */
  sideValue(value: GraphValue): void
  moduleLowered(path: string, input: GraphValue, output: GraphValue): void
}

/** Adds the nodes of a module that maps one value to one value. `path` names its constants. */
export type Lowering<M extends Module = Module> = (
  module: M,
  path: string,
  input: GraphValue,
  context: LoweringContext,
) => GraphValue

/** @throws CapabilityError NO_LOWERING for a module that maps no value to a value. */
export function lower(module: Module, path: string, input: GraphValue, context: LoweringContext): GraphValue {
  const output = addNodes(module, path, input, context)
  context.trace?.moduleLowered(path, input, output)
  return output
}

const addNodes: Lowering = (module, path, input, context) => {
  if (module instanceof QuantizedModule) return lowerQuantized(module, path, input, context)
  if (module instanceof Linear) return lowerLinear(module, path, input, context)
  if (module instanceof Conv1D) return lowerConv1D(module, path, input, context)
  if (module instanceof Embedding) return lowerEmbedding(module, path, input, context)
  throw new CapabilityError(
    'NO_LOWERING',
    `nothing says how to compute ${path} (${module.constructor.name})`,
    {
      module: path,
      hint: 'Only a Linear, a Conv1D and an Embedding map one value to one: build the model of these.',
    },
  )
}
