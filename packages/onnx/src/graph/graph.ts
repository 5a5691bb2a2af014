import {
  type ConstantTensor,
  type Dtype,
  elementType,
  type GraphBuilder,
  type GraphValue,
  type NodeOptions,
} from '@hfquant/core'
import { ancestors, type Makers, makers } from './ancestors.js'
import { withoutBranches } from './branches.js'
import type { Dimension, GraphParts, GraphPort, Node, Port, PortedGraph } from './graph-parts.js'
import { joinRows } from './join-rows.js'
import { mergeProducts } from './merge-products.js'
import { keepsDimension, REDUCTIONS } from './node-facts.js'
import { type PairedProducts, pairedProducts } from './paired-products.js'
import { signWeights } from './sign-weights.js'
import { type ByteLocation, toModel } from './to-model.js'

/** A value at which a graph is cut. */
export interface CutValue {
  readonly value: GraphValue
  readonly dtype: Dtype
  readonly shape: readonly Dimension[]
}

/** What a graph that is made of another one begins with. */
interface Beginning extends PortedGraph {
  /** Number of the first node that is added; ids of the older graph stay unique. */
  readonly firstNode: number
}

const NOTHING: Beginning = { nodes: [], constants: [], literals: [], inputs: [], outputs: [], firstNode: 0 }

/** An ONNX graph in the making. */
export interface Graph extends GraphBuilder {
  /**
   * The value of `body` where `condition`, a bool [], holds, and `otherwise` elsewhere. What `body` adds is computed only
   * then, and the runtime plans its memory apart from everything else's; the same goes for what an `otherwise` adds. Neither
   * value may be a constant.
   */
  branch(
    condition: GraphValue,
    otherwise: GraphValue | (() => GraphValue),
    body: () => GraphValue,
  ): GraphValue
  input(name: string, dtype: Dtype, shape: readonly Dimension[]): GraphValue
  output(name: string, value: GraphValue, dtype: Dtype, shape: readonly Dimension[]): void
  /** Inputs in the order in which they were declared. */
  readonly inputs: readonly GraphPort[]
  /** Ids of the values that `value` is computed from, itself included, not looking beyond those of `until`. */
  ancestors(value: GraphValue, until?: ReadonlySet<string>): ReadonlySet<string>
  /** Whether a value is made in a branch. How many rows it has is known when the graph runs, and there may be none. */
  isInBranch(value: GraphValue): boolean
  /**
   * A graph of its own that computes `wanted`. Each value of `from` has become an input whose name is the value's id;
   * other inputs and constants are there if they are needed. Its outputs are left to the caller.
   */
  cut(name: string, from: readonly CutValue[], wanted: readonly GraphValue[]): Graph
  /** The same graph with products of one input merged; see mergeProducts. */
  merged(): Graph
  /** The same graph with rows of branches treated together; see joinRows. */
  withJoinedRows(): Graph
  /** The same graph with signed weights in integer products; see signWeights. */
  withSignedWeights(): Graph
  /** Where rows are computed in pairs. */
  pairedProducts(): PairedProducts
  /** Constants for the external weights file, in the order of their first use. */
  readonly constants: readonly ConstantTensor[]
  /** The ModelProto as a plain object; `locations` says where each constant lies in `weightsFile`. */
  toModel(weightsFile: string, locations: ReadonlyMap<string, ByteLocation>): object
}

export const createGraph = (name: string): Graph => assemble(name, NOTHING)

function assemble(name: string, parts: Beginning): Graph {
  const nodes: Node[] = [...parts.nodes]
  const constants = new Map(parts.constants.map((tensor) => [tensor.name, tensor]))
  const literals = new Map(parts.literals.map((literal) => [literal.name, literal]))
  const inputs: Port[] = [...parts.inputs]
  const outputs: Port[] = [...parts.outputs]
  let nextNode = parts.firstNode
  const known = new Map<string, readonly GraphValue[]>()
  const madeBy: Makers = { nodes: new Map(), count: 0 }
  let branch: string | undefined
  /** Values of nodes that read constants alone. */
  const fixed = new Set<string>()

  const literal: GraphBuilder['literal'] = (dtype, shape, values) => {
    const bytes = LITERAL_BYTES[dtype](values)
    const id = `literal_${dtype}_${shape.join('x')}_${values.join('_')}`.slice(0, 120)
    const same = literals.get(id)
    const unique = same === undefined || sameBytes(same.bytes, bytes) ? id : `${id}_${literals.size}`
    literals.set(unique, { name: unique, type: elementType(dtype), shape, bytes })
    return { id: unique }
  }

  const addNodes = (
    operator: string,
    values: readonly (GraphValue | undefined)[],
    count: number,
    { attributes = {}, domain = '' }: NodeOptions = {},
  ): readonly GraphValue[] => {
    const ids = values.map((value) => value?.id ?? '')
    const key = JSON.stringify([operator, domain, ids, attributes, count])
    const keyHere = branch === undefined ? key : `${branch} ${key}`
    const same = known.get(key) ?? known.get(keyHere)
    if (same !== undefined) return same
    // What follows from constants alone the runtime computes once, and where it stands in a branch, it then writes a model
    // that it cannot read.
    const isFixed = ids.every((id) => id === '' || fixed.has(id) || constants.has(id) || literals.has(id))
    const place = isFixed ? undefined : branch
    const number = nextNode++
    const made = Array.from({ length: count }, (_, index) => ({
      id: `${operator}_${number}${index === 0 ? '' : `_${index}`}`,
    }))
    const outputs = made.map(({ id }) => id)
    if (isFixed) for (const id of outputs) fixed.add(id)
    nodes.push({ operator, domain, inputs: ids, outputs, attributes, ...(place && { branch: place }) })
    const isReduced = place !== undefined && REDUCTIONS.has(operator) && keepsDimension(attributes)
    const results = isReduced ? [asReduced(made[0]!, values[1]!)] : made
    known.set(place === undefined ? key : keyHere, results)
    return results
  }

  /**
   * Where there are no rows, as in a branch there may be, the runtime leaves an axis that it reduces as long as it was.
   */
  const asReduced = (value: GraphValue, axis: GraphValue): GraphValue => {
    const [start, end] = [0, 1].map((place) => literal('int64', [1], [place]))
    return addNodes('Slice', [value, start, end, axis], 1)[0]!
  }

  const inBranch = (body: () => GraphValue) => {
    const name = `branch_${nextNode++}`
    branch = name
    const result = body()
    branch = undefined
    return { name, result }
  }

  const ported = (): PortedGraph => ({
    ...{ nodes, constants: [...constants.values()], literals: [...literals.values()] },
    ...{ inputs, outputs },
  })
  const rewritten = (rewrite: (graph: PortedGraph) => GraphParts): Graph => {
    const graph = ported()
    return assemble(name, { ...graph, ...rewrite(graph), firstNode: nextNode })
  }

  return {
    node: (operator, values, options) => addNodes(operator, values, 1, options)[0]!,
    nodes: (operator, values, count, options) => addNodes(operator, values, count, options),
    constant(tensor) {
      if (!constants.has(tensor.name)) constants.set(tensor.name, tensor)
      return { id: tensor.name }
    },
    literal,
    branch(condition, otherwise, body) {
      const chosen = inBranch(body)
      const other =
        typeof otherwise === 'function' ? inBranch(otherwise) : { name: undefined, result: otherwise }
      const output = { id: `If_${nextNode++}` }
      nodes.push({
        ...{ operator: 'If', domain: '', attributes: {}, outputs: [output.id] },
        inputs: [condition.id, chosen.result.id, other.result.id],
        opens: { body: chosen.name, otherwise: other.name },
      })
      return output
    },
    input(id, dtype, shape) {
      inputs.push({ name: id, type: elementType(dtype), shape })
      return { id }
    },
    output(id, value, dtype, shape) {
      nodes.push({ operator: 'Identity', domain: '', inputs: [value.id], outputs: [id], attributes: {} })
      outputs.push({ name: id, type: elementType(dtype), shape })
    },
    get inputs() {
      return inputs.map(({ name: id, shape }) => ({ name: id, shape }))
    },
    isInBranch: ({ id }) => makers(nodes, madeBy).get(id)?.branch !== undefined,
    ancestors: (value, until = new Set()) => ancestors(makers(nodes, madeBy), [value], until),
    cut(title, from, wanted) {
      const border = new Set(from.map(({ value }) => value.id))
      const plain = withoutBranches(nodes)
      const needed = ancestors(makers(plain, { nodes: new Map(), count: 0 }), wanted, border)
      const isNeeded = (node: Node) => node.outputs.some((id) => needed.has(id) && !border.has(id))
      const kept = plain.filter(isNeeded)
      const read = new Set(kept.flatMap((node) => node.inputs))
      return assemble(title, {
        nodes: kept,
        constants: [...constants.values()].filter((tensor) => read.has(tensor.name)),
        literals: [...literals.values()].filter((literal) => read.has(literal.name)),
        inputs: [
          ...from.map(({ value, dtype, shape }) => ({ name: value.id, type: elementType(dtype), shape })),
          ...inputs.filter((port) => read.has(port.name) && !border.has(port.name)),
        ],
        outputs: [],
        firstNode: nextNode,
      })
    },
    merged: () => rewritten(mergeProducts),
    withJoinedRows: () => rewritten(joinRows),
    withSignedWeights: () => rewritten(signWeights),
    pairedProducts: () => pairedProducts({ nodes }),
    get constants() {
      return [...constants.values()]
    },
    toModel: (weightsFile, locations) => toModel({ name, ...ported() }, weightsFile, locations),
  }
}

const LITERAL_BYTES = {
  float32: (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer),
  int64: (values: readonly number[]) => new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  int32: (values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer),
  uint8: (values: readonly number[]) => Uint8Array.from(values),
  int8: (values: readonly number[]) => new Uint8Array(Int8Array.from(values).buffer),
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0
