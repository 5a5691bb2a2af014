import { DECODER } from '../session/decoder-ports.js'
import { attentionRegion } from './attention-region.js'
import { elementType } from './element-type.js'
import type { Node, PortedGraph } from './graph-parts.js'
import { intAttribute } from './node-facts.js'
import { rowWiseIn } from './row-wise.js'

/**
 * A decoder in which the tokens of all sequences stand in one column of rows, [rows, 1, ...], everywhere but in
 * attention, which picks its [B, S, ...] from them. Whoever runs it makes the number of rows even by repeating one.
 *
 * The runtime multiplies the rows of some quantized products in pairs, and a last odd one, or a single one, in another
 * order of sums: it differs in the last bits. These become whole steps where activations are rounded, and another token
 * in the end. With pairs alone, a token comes out the same to the bit whether it is computed by itself or beside others.
 * On two cores a pair takes about a tenth longer than a row, which waits for the same weights.
 *
 * A graph stays as it is that has no such product, or a node outside of attention that is not known to treat every row by
 * itself or reads what is known of sequences only, such as positions.
 */
export function pairRows(graph: PortedGraph): PortedGraph {
  const { nodes, inputs, outputs } = graph
  if (!nodes.some(pairs)) return graph
  const region = attentionRegion(graph)
  const isRowWise = rowWiseIn(graph)
  const isKnown = (node: Node) => region.nodes.has(node) || picksLogits(node) || isRowWise(node)
  const given = new Set<string>(inputs.map(({ name }) => name).filter((name) => !IN_COLUMN.has(name)))
  const isApart = (node: Node) => region.nodes.has(node) || !node.inputs.some((id) => given.has(id))
  const isFit = region.nodes.size > 0 && nodes.every((node) => isKnown(node) && isApart(node))
  if (!isFit) return graph

  const [head] = nodes.filter(picksLogits)
  const logitsRows =
    head !== undefined && leadsToPairs(head, nodes) ? DECODER.pairedLogits : DECODER.logitsRows
  const rename = (node: Node): Node =>
    picksLogits(node)
      ? { ...node, inputs: [node.inputs[0]!, logitsRows], attributes: { axis: { int: 0 } } }
      : node
  return {
    ...graph,
    nodes: region.apart(gather).map(rename),
    inputs: [
      ...inputs.map((port) => {
        if (port.name === DECODER.inputIds) return { ...port, shape: ['rows', 1] }
        return port.name === DECODER.logitsRows ? { ...port, name: logitsRows } : port
      }),
      { name: DECODER.attendedRows, type: elementType('int64'), shape: ['B', 'S', 2] },
      { name: DECODER.pairedTokens, type: elementType('int64'), shape: ['rows', 1, 2] },
    ],
    outputs: outputs.map((port) =>
      port.name === DECODER.logits ? { ...port, shape: ['R', 1, ...port.shape.slice(2)] } : port,
    ),
  }
}

/** Inputs that stand in the column; all others are for attention, which sees sequences. */
const IN_COLUMN = new Set<string>([DECODER.inputIds, DECODER.logitsRows])

const gather = {
  /** [rows, 1, ...] to [B, S, ...] */
  in: (from: string, to: string): Node => gatherND(from, DECODER.attendedRows, to),
  /** and back */
  out: (from: string, to: string): Node => gatherND(from, DECODER.pairedTokens, to),
}

const gatherND = (from: string, indices: string, to: string): Node => ({
  operator: 'GatherND',
  domain: '',
  inputs: [from, indices],
  outputs: [to],
  attributes: {},
})

/** The rows whose logits are wanted, of [B, S, D]. */
const picksLogits = ({ operator, inputs, attributes }: Node): boolean =>
  operator === 'Gather' && inputs[1] === DECODER.logitsRows && intAttribute(attributes.axis) === 1

function leadsToPairs(from: Node, nodes: readonly Node[]): boolean {
  const computed = new Set(from.outputs)
  for (const node of nodes.slice(nodes.indexOf(from) + 1)) {
    if (!node.inputs.some((id) => computed.has(id))) continue
    if (pairs(node)) return true
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

/** True for a product that computes two rows together in another way than one. */
function pairs({ operator, attributes }: Node): boolean {
  if (operator !== 'MatMulNBits') return operator === 'MatMulBnb4'
  const longest = LONGEST_BLOCK.get(intAttribute(attributes.bits)) ?? 0
  const isLonger = (intAttribute(attributes.block_size) ?? Number.POSITIVE_INFINITY) > longest
  return isLonger || intAttribute(attributes.accuracy_level) !== INT8_ACTIVATIONS
}
