import { createHash } from 'node:crypto'
import type { ConstantTensor, GraphBuilder, GraphValue } from '../contract/graph.js'

/**
 * The order of input channels in which scattered groups become runs of `groupSize`: a stable sort by group. Undefined for
 * groups that are runs already, null for groups that no order makes runs, which no known writer produces.
 */
export function channelOrder(groupOf: Int32Array, groupSize: number): Int32Array | undefined | null {
  const isRun = (group: number, position: number) => group === Math.floor(position / groupSize)
  if (groupOf.every(isRun)) return undefined
  const order = Int32Array.from(groupOf.keys()).sort((a, b) => groupOf[a]! - groupOf[b]! || a - b)
  return order.every((column, position) => isRun(groupOf[column]!, position)) ? order : null
}

/** An input with its channels in this order, if there is one; layers with equal orders share all of it. */
export const reorderChannels = (
  graph: GraphBuilder,
  input: GraphValue,
  order: Int32Array | undefined,
): GraphValue =>
  order === undefined
    ? input
    : graph.node('Gather', [input, graph.constant(orderConstant(order))], {
        attributes: { axis: { int: -1 } },
      })

/** Equal orders are one constant. */
function orderConstant(order: Int32Array): ConstantTensor {
  const bytes = new Uint8Array(BigInt64Array.from(order, BigInt).buffer)
  return {
    name: `channel_order.${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`,
    dtype: 'int64',
    shape: [order.length],
    chunks: async function* () {
      yield bytes
    },
  }
}
