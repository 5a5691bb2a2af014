import type { GraphBuilder, GraphValue } from '@hfquant/core'

/** TensorProto.DataType */
const NUMBER = { float32: 1, int32: 6, float16: 10 } as const

export const cast = (graph: GraphBuilder, value: GraphValue, to: keyof typeof NUMBER): GraphValue =>
  graph.node('Cast', [value], { attributes: { to: { int: NUMBER[to] } } })
