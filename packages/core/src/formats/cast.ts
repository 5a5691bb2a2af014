import type { GraphBuilder, GraphValue } from '../contract/graph.js'
import type { Dtype } from '../contract/tensor.js'
import { elementType } from './element-type.js'

/** @throws CapabilityError DTYPE_NOT_IN_GRAPH for a dtype that the runtime has no tensors of. */
export const cast = (graph: GraphBuilder, value: GraphValue, to: Dtype): GraphValue =>
  graph.node('Cast', [value], { attributes: { to: { int: elementType(to) } } })

/** A value of a known dtype in another one; itself where both are the same. */
export const convert = (graph: GraphBuilder, value: GraphValue, from: Dtype, to: Dtype): GraphValue =>
  from === to ? value : cast(graph, value, to)
