import {
  CapabilityError,
  Embedding,
  type GraphValue,
  Linear,
  type Module,
  QuantizedModule,
} from '@hfquant/core'
import type { Graph } from '../graph/graph.js'
import { lowerEmbedding, lowerLinear, lowerQuantized } from './linear.js'

/** How arithmetic is done: with the fast kernels of a format, or in float32 on the dequantized weights. */
export type Compute = 'fast' | 'exact'

export interface LoweringContext {
  readonly graph: Graph
  readonly compute: Compute
  readonly memory: 'auto' | 'low'
}

/** Adds the nodes of a module that maps one value to one value. `path` names its constants. */
export type Lowering<M extends Module = Module> = (
  module: M,
  path: string,
  input: GraphValue,
  context: LoweringContext,
) => GraphValue

type ModuleClass<M extends Module> = abstract new (...args: never[]) => M

const lowerings = new Map<unknown, unknown>([
  [Linear, lowerLinear],
  [Embedding, lowerEmbedding],
  [QuantizedModule, lowerQuantized],
])

/** Says how modules of a class are computed. One class has one lowering. */
export function registerLowering<M extends Module>(type: ModuleClass<M>, lowering: Lowering<M>): void {
  lowerings.set(type, lowering)
}

/** @throws CapabilityError NO_LOWERING for a module class that nobody registered. */
export function lower(module: Module, path: string, input: GraphValue, context: LoweringContext): GraphValue {
  let type: unknown = module.constructor
  while (typeof type === 'function') {
    const found = lowerings.get(type)
    if (found !== undefined) return (found as Lowering)(module, path, input, context)
    type = Object.getPrototypeOf(type)
  }
  throw new CapabilityError(
    'NO_LOWERING',
    `nothing says how to compute ${path} (${module.constructor.name})`,
    {
      module: path,
      hint: 'Call registerLowering for this class.',
    },
  )
}
