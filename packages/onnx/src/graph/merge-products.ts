import type { ConstantTensor } from '@hfquant/core'
import { concatenateRows, interleaveColumns } from './concatenate.js'
import type { GraphParts, Node } from './graph-parts.js'
import { type GraphRewriter, rewriteGraph } from './rewrite-graph.js'

/**
 * Quantized products of one input, such as the query, key and value projections, become one product whose weights stand
 * one behind the other, and a `Split` of its result. What follows each of them alike, such as the scales of the rows,
 * becomes one node as well. Every number of the result is computed as before.
 *
 * The product of one token is short; what is saved is mostly the waking of threads.
 */
export function mergeProducts(parts: GraphParts): GraphParts {
  const graph = rewriteGraph(parts)
  for (const products of siblings(parts.nodes, graph)) mergeStrands(products, graph)
  return graph.result()
}

/** Products that differ in their weights only. */
function siblings(nodes: readonly Node[], graph: GraphRewriter): readonly (readonly Node[])[] {
  const groups = new Map<string, Node[]>()
  for (const node of nodes) {
    const kind = WEIGHTS[node.operator]
    if (kind === undefined) continue
    const constants = kind.inputs(node).map((index) => graph.constantOf(node.inputs[index]!))
    if (constants.includes(undefined)) continue
    const { N: _, ...attributes } = node.attributes
    const others = node.inputs.filter((_id, index) => !kind.inputs(node).includes(index))
    const shapes = (constants as ConstantTensor[]).map(({ dtype, shape }) => [
      dtype,
      ...shape.toSpliced(kind.axis, 1),
    ])
    const key = JSON.stringify([node.operator, node.branch, attributes, others, shapes])
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  return [...groups.values()].filter((group) => group.length > 1)
}

interface WeightKind {
  /** Positions of the inputs that hold weights. */
  inputs(node: Node): readonly number[]
  /** Their axis of output features. */
  readonly axis: number
  merge(parts: readonly ConstantTensor[]): ConstantTensor
}

const WEIGHTS: Readonly<Record<string, WeightKind>> = {
  // codes [N, blocks, bytes], scales [N, blocks], zero points [N, bytes]
  MatMulNBits: {
    inputs: ({ inputs }) => inputs.map((_, index) => index).slice(1),
    axis: 0,
    merge: concatenateRows,
  },
  // codes [K, N]; the zero points are scalars
  MatMulInteger: { inputs: () => [1], axis: 1, merge: interleaveColumns },
}

function mergeStrands(products: readonly Node[], graph: GraphRewriter): void {
  const kind = WEIGHTS[products[0]!.operator]!
  const widths = products.map(({ inputs }) => graph.constantOf(inputs[1]!)!.shape[kind.axis]!)
  let ends = products
  let merged = mergeProduct(products, widths, kind, graph)
  graph.replace(ends, merged)
  for (let next = alikeReaders(ends, widths, graph); next !== undefined; ) {
    merged = mergeReaders(next, ends[0]!, merged, graph)
    graph.replace(next, merged)
    ends = next
    next = alikeReaders(ends, widths, graph)
  }
  graph.insertAfter(merged, {
    operator: 'Split',
    domain: '',
    inputs: [merged.outputs[0]!, graph.sizes(widths)],
    outputs: ends.map(resultOf),
    attributes: { axis: { int: -1 } },
    ...(merged.branch && { branch: merged.branch }),
  })
}

function mergeProduct(
  products: readonly Node[],
  widths: readonly number[],
  kind: WeightKind,
  graph: GraphRewriter,
): Node {
  const first = products[0]!
  const weights = kind.inputs(first)
  const inputs = first.inputs.map((id, index) =>
    weights.includes(index) ? graph.constant(kind.merge(constantsAt(products, index, graph))) : id,
  )
  const width = widths.reduce((sum, size) => sum + size, 0)
  const sized = first.attributes.N === undefined ? {} : { N: { int: width } }
  return {
    ...first,
    inputs,
    outputs: [`${resultOf(first)}_merged`],
    attributes: { ...first.attributes, ...sized },
  }
}

/** Elementwise operators, and GatherND, which brings whole rows to other places. */
const ALIKE = new Set(['Add', 'Cast', 'Div', 'GatherND', 'Mul', 'Sub'])

/**
 * What reads the results, if it is alike for all: one operator of `ALIKE`, whose other input is a column that they share
 * or a vector as long as the result is wide.
 */
function alikeReaders(
  ends: readonly Node[],
  widths: readonly number[],
  graph: GraphRewriter,
): readonly Node[] | undefined {
  const readers = ends.flatMap((end) => graph.onlyReader(resultOf(end)) ?? [])
  const [first] = readers
  if (first === undefined || readers.length < ends.length || !ALIKE.has(first.operator)) return
  const kind = ({ operator, attributes, inputs }: Node, index: number) =>
    JSON.stringify([
      operator,
      attributes,
      inputs.map((id) => {
        if (id === resultOf(ends[index]!)) return 'result'
        const shape = graph.constantOf(id)?.shape
        if (shape?.length === 1 && shape[0] === widths[index]) return 'vector'
        return operator === 'GatherND' || graph.isColumn(id) ? ['shared', id] : ['other', index, id]
      }),
    ])
  const isAlike = readers.every((node, index) => kind(node, index) === kind(first, 0))
  return isAlike && graph.comesBeforeReaders(first, readers) ? readers : undefined
}

function mergeReaders(readers: readonly Node[], end: Node, merged: Node, graph: GraphRewriter): Node {
  const first = readers[0]!
  const inputs = first.inputs.map((id, index) => {
    if (id === resultOf(end)) return merged.outputs[0]!
    if (graph.constantOf(id) === undefined) return id
    return graph.constant(concatenateRows(constantsAt(readers, index, graph)))
  })
  return { ...first, inputs, outputs: [`${resultOf(first)}_merged`] }
}

const resultOf = ({ outputs }: Node): string => outputs[0]!

const constantsAt = (nodes: readonly Node[], index: number, graph: GraphRewriter): ConstantTensor[] =>
  nodes.map(({ inputs }) => graph.constantOf(inputs[index]!)!)
