import type { GraphParts, Node } from './graph-parts.js'
import { ELEMENTWISE, int64s, intAttribute, REDUCTIONS } from './node-facts.js'

/** Operators that multiply rows with a matrix. */
const PRODUCTS = new Set(['FusedMatMul', 'MatMul', 'MatMulBnb4', 'MatMulInteger', 'MatMulNBits'])

/**
 * Whether a node of a graph is known to compute each row of [B, S, ...] from that row alone, whatever B and S are, so that
 * the same rows may also stand in one column, [B · S, 1, ...].
 */
export function rowWiseIn({ nodes, constants, literals }: GraphParts): (node: Node) => boolean {
  const fixed = new Set([...constants, ...literals].map(({ name }) => name))
  const isFixed = (id: string | undefined) => id !== undefined && fixed.has(id)
  const numbers = new Map(literals.map((literal) => [literal.name, int64s(literal)]))
  const shapes = shapesIn(nodes, isFixed)

  return (node) => {
    const { operator, inputs, attributes } = node
    const axis = intAttribute(attributes.axis) ?? 0
    if (ELEMENTWISE.has(operator) || node.outputs.every((id) => shapes.has(id))) return true
    if (PRODUCTS.has(operator)) return isFixed(inputs[1])
    if (REDUCTIONS.has(operator)) {
      const axes = numbers.get(inputs[1] ?? '')
      return axes?.length === 1 && isWithinRow(axes[0]!)
    }
    switch (operator) {
      case 'Gather':
        // Rows of a table by token, or the channels of every row in another order.
        return isFixed(inputs[0]) ? axis === 0 : isWithinRow(axis)
      case 'GatherBlockQuantized':
        return isFixed(inputs[0])
      case 'Reshape':
        // To a shape that begins as that of a value with rows does, or to rows that are cut into equal parts.
        return shapes.has(inputs[1]!) || isCut(numbers.get(inputs[1] ?? ''))
      case 'SimplifiedLayerNormalization':
      case 'Split':
        return isWithinRow(axis)
      default:
        return false
    }
  }
}

/** [rows, parts, size] */
const isCut = (shape: readonly number[] | undefined): boolean => shape?.length === 3 && shape[0] === -1

const isWithinRow = (axis: number): boolean => axis === -1 || axis >= 2

/** Shapes of values, and what they are part of when they are put together with constants. */
function shapesIn(nodes: readonly Node[], isFixed: (id: string) => boolean): ReadonlySet<string> {
  const shapes = new Set<string>()
  for (const { operator, inputs, outputs } of nodes) {
    const isShape =
      operator === 'Shape' ||
      (operator === 'Concat' &&
        shapes.has(inputs[0]!) &&
        inputs.slice(1).every((id) => shapes.has(id) || isFixed(id)))
    if (isShape) shapes.add(outputs[0]!)
  }
  return shapes
}
