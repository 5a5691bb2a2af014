import type { ConstantTensor } from '@hfquant/core'
import type { GraphParts, Literal, Node } from './graph-parts.js'
import { ELEMENTWISE, int64s, keepsDimension, REDUCTIONS, readersOf } from './node-facts.js'

/** Replaces nodes of a graph by others that compute the same values. */
export interface GraphRewriter {
  constantOf(id: string): ConstantTensor | undefined
  /** The node that reads a value, if there is exactly one. */
  onlyReader(id: string): Node | undefined
  /** Whether everything that reads the results of `nodes` comes behind `first`. */
  comesBeforeReaders(first: Node, nodes: readonly Node[]): boolean
  /** Whether the last dimension of a value is known to be 1. */
  isColumn(id: string): boolean
  /** Makes a constant known; returns its id. */
  constant(tensor: ConstantTensor): string
  /** A literal int64 vector; returns its id. */
  sizes(values: readonly number[]): string
  /** Puts `node` where the first of `nodes` was; the others go. */
  replace(nodes: readonly Node[], node: Node): void
  /** `before` is a node that replaced others. */
  insertAfter(before: Node, node: Node): void
  result(): GraphParts
}

export function rewriteGraph({ nodes, constants, literals }: GraphParts): GraphRewriter {
  const allConstants = new Map(constants.map((tensor) => [tensor.name, tensor]))
  const allLiterals = new Map(literals.map((literal) => [literal.name, literal]))
  const madeBy = new Map(nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)))
  const places = new Map(nodes.map((node, index) => [node, index]))
  const readers = readersOf(nodes)
  const standIns = new Map<Node, readonly Node[]>()
  const behind = new Map<Node, Node>()

  const isColumn = (id: string): boolean => {
    const literal = allLiterals.get(id)
    if (literal !== undefined) return (literal.shape.at(-1) ?? 1) === 1
    const node = madeBy.get(id)
    if (node === undefined) return false
    if (ELEMENTWISE.has(node.operator)) return node.inputs.every(isColumn)
    if (node.operator === 'Slice') return isColumn(node.inputs[0]!)
    if (!REDUCTIONS.has(node.operator) || !keepsDimension(node.attributes)) return false
    return isLastAxis(allLiterals.get(node.inputs[1] ?? ''))
  }

  return {
    constantOf: (id) => allConstants.get(id),
    onlyReader(id) {
      const found = readers.get(id) ?? []
      return found.length === 1 ? found[0] : undefined
    },
    comesBeforeReaders: (first, others) =>
      others.every(({ outputs }) =>
        outputs.every((id) =>
          (readers.get(id) ?? []).every((reader) => places.get(reader)! > places.get(first)!),
        ),
      ),
    isColumn,
    constant(tensor) {
      allConstants.set(tensor.name, tensor)
      return tensor.name
    },
    sizes(values) {
      const name = `sizes_${values.join('_')}`
      const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
      allLiterals.set(name, { name, type: INT64, shape: [values.length], bytes })
      return name
    },
    replace(replaced, node) {
      for (const [index, old] of replaced.entries()) standIns.set(old, index === 0 ? [node] : [])
    },
    insertAfter: (before, node) => void behind.set(before, node),
    result() {
      const kept = nodes
        .flatMap((node) => standIns.get(node) ?? [node])
        .flatMap((node) => (behind.has(node) ? [node, behind.get(node)!] : [node]))
      const read = [...new Set(kept.flatMap(({ inputs }) => inputs))]
      return {
        nodes: kept,
        constants: read.flatMap((id) => allConstants.get(id) ?? []),
        literals: read.flatMap((id) => allLiterals.get(id) ?? []),
      }
    },
  }
}

/** TensorProto.INT64 */
const INT64 = 7

const isLastAxis = (literal: Literal | undefined): boolean =>
  literal?.type === INT64 && int64s(literal).join() === '-1'
