import { DECODER } from '../session/decoder-ports.js'
import type { GraphParts, Node } from './graph-parts.js'
import { intAttribute } from './node-facts.js'

/** Where a decoder has products that compute two rows together in another way than one. */
export interface PairedProducts {
  readonly anywhere: boolean
  /** Behind the choice of the tokens whose logits are wanted. */
  readonly inHead: boolean
}

/**
 * Looks for products in which a row depends on whether it has a neighbour.
 *
 * The runtime multiplies the rows of some quantized products in pairs, and a last odd one, or a single one, in another
 * order of sums: it differs in the last bits. These become whole steps where activations are rounded, and another token
 * in the end. With pairs alone, a token comes out the same to the bit whether it is computed by itself or beside others;
 * see tokenRows. On two cores a pair takes about a tenth longer than a row, which waits for the same weights.
 */
export function pairedProducts({ nodes }: Pick<GraphParts, 'nodes'>): PairedProducts {
  const choice = nodes.find(({ inputs }) => inputs[1] === DECODER.logitsRows)
  return {
    anywhere: nodes.some(isPaired),
    inHead: choice !== undefined && leadsToPairs(choice, nodes),
  }
}

function leadsToPairs(from: Node, nodes: readonly Node[]): boolean {
  const computed = new Set(from.outputs)
  for (const node of nodes.slice(nodes.indexOf(from) + 1)) {
    if (!node.inputs.some((id) => computed.has(id))) continue
    if (isPaired(node)) return true
    for (const id of node.outputs) computed.add(id)
  }
  return false
}

/** The longest block of each width that the runtime's kernels sum in one order however many rows there are. */
const LONGEST_BLOCK: ReadonlyMap<unknown, number> = new Map([
  [2, 64],
  [4, 32],
  [8, 64],
])
const INT8_ACTIVATIONS = 4

function isPaired({ operator, attributes }: Node): boolean {
  if (operator !== 'MatMulNBits') return operator === 'MatMulBnb4'
  const longest = LONGEST_BLOCK.get(intAttribute(attributes.bits)) ?? 0
  const isLonger = (intAttribute(attributes.block_size) ?? Number.POSITIVE_INFINITY) > longest
  return isLonger || intAttribute(attributes.accuracy_level) !== INT8_ACTIVATIONS
}
