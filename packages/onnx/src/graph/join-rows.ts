import type { GraphParts, Node } from './graph-parts.js'
import { ELEMENTWISE, int64s, intAttribute, keepsDimension, REDUCTIONS } from './node-facts.js'

/**
 * In a branch that splits rows, does the same to each part with weights of its own, and puts the results together, all
 * operations but the products with those weights are done to all rows at once: a split by expert has as many parts as there
 * are experts, most of them without a row, and every node of a part takes its time all the same.
 */
export function joinRows(parts: GraphParts): GraphParts {
  const literals = new Map(parts.literals.map((literal) => [literal.name, literal]))
  const isLastAxis = (id: string | undefined) => {
    const literal = literals.get(id ?? '')
    const [axis, ...more] = literal === undefined ? [] : int64s(literal)
    return more.length === 0 && (axis === -1 || axis === 1)
  }
  const branches = new Map<string, Node[]>()
  for (const node of parts.nodes) {
    if (node.branch === undefined) continue
    const known = branches.get(node.branch)
    if (known === undefined) branches.set(node.branch, [node])
    else known.push(node)
  }
  const nodes = parts.nodes.flatMap((node): readonly Node[] => {
    if (node.branch === undefined) return [node]
    const own = branches.get(node.branch)!
    return node === own.at(-1) ? (joinBranch(own, isLastAxis) ?? own) : []
  })
  return { ...parts, nodes }
}

/** One value of each part; together they are the rows of one value. */
interface Family {
  readonly pieces: readonly string[]
  /** Whether they are [rows, width]: a part may also have numbers of its own, such as the largest of each column. */
  readonly areRows: boolean
  hasPieces: boolean
  joined: string | undefined
}

/** @returns undefined for a branch of another kind. */
function joinBranch(
  nodes: readonly Node[],
  isLastAxis: (id: string | undefined) => boolean,
): readonly Node[] | undefined {
  const [split, ...others] = nodes
  const concat = others.pop()
  if (
    split === undefined ||
    concat === undefined ||
    !isRowNode(split, 'Split') ||
    !isRowNode(concat, 'Concat')
  )
    return
  const bodies = bodiesOf(split.outputs, others)
  if (bodies === undefined) return
  const [rows, sizes] = split.inputs as [string, string]
  const joined: Node[] = []
  const families = new Map<string, Family>()
  const remember = (pieces: readonly string[], more: Omit<Family, 'pieces'>) =>
    families.set(pieces[0]!, { pieces, ...more })
  const familyOf = (ids: readonly string[]): Family | undefined => {
    const family = families.get(ids[0]!)
    return family?.pieces.every((id, index) => id === ids[index]) ? family : undefined
  }
  const rowsOf = (family: Family): string => {
    if (family.joined === undefined) {
      family.joined = `${family.pieces[0]}_rows`
      joined.push({ ...concat, inputs: family.pieces, outputs: [family.joined] })
    }
    return family.joined
  }
  const demandPieces = (family: Family) => {
    if (family.hasPieces) return
    family.hasPieces = true
    joined.push({ ...split, inputs: [family.joined!, sizes], outputs: family.pieces })
  }
  remember(split.outputs, { areRows: true, hasPieces: false, joined: rows })
  for (const [step, first] of bodies[0]!.entries()) {
    const alike = bodies.map((body) => body[step]!)
    if (alike.some((node) => signature(node) !== signature(first))) return
    const columns = first.inputs.map((_, index) => alike.map(({ inputs }) => inputs[index]!))
    const sources = columns.map(
      (ids) => familyOf(ids) ?? (ids.every((id) => id === ids[0]) ? ids[0]! : undefined),
    )
    const outputs = first.outputs.map((_, index) => alike.map((node) => node.outputs[index]!))
    const ownFamilies = sources.filter((source) => typeof source === 'object')
    const ofRows = ownFamilies.every(({ areRows }) => areRows) && !sources.includes(undefined)
    if (ofRows && treatsRows(first, isLastAxis)) {
      const inputs = (sources as (Family | string)[]).map((source) =>
        typeof source === 'string' ? source : rowsOf(source),
      )
      const names = first.outputs.map((id) => `${id}_rows`)
      joined.push({ ...first, inputs, outputs: names })
      for (const [index, pieces] of outputs.entries())
        remember(pieces, { areRows: true, hasPieces: false, joined: names[index] })
      continue
    }
    for (const family of ownFamilies) demandPieces(family)
    joined.push(...alike)
    const [input] = sources
    const areRows = PRODUCTS.has(first.operator) && typeof input === 'object' && input.areRows
    for (const pieces of outputs) remember(pieces, { areRows, hasPieces: true, joined: undefined })
  }
  const last = familyOf(concat.inputs)
  if (last === undefined) return
  demandPieces(last)
  return [...joined, concat]
}

const isRowNode = ({ operator, attributes }: Node, wanted: string): boolean =>
  operator === wanted && intAttribute(attributes.axis) === 0

/** The nodes of each part in their order; undefined where parts read each other, or differ in length. */
function bodiesOf(parts: readonly string[], nodes: readonly Node[]): readonly Node[][] | undefined {
  const owners = new Map(parts.map((id, index) => [id, index]))
  const bodies: Node[][] = parts.map(() => [])
  for (const node of nodes) {
    const [owner, ...more] = new Set(node.inputs.flatMap((id) => owners.get(id) ?? []))
    if (owner === undefined || more.length > 0) return
    bodies[owner]!.push(node)
    for (const id of node.outputs) owners.set(id, owner)
  }
  return bodies.every(({ length }) => length === bodies[0]!.length) ? bodies : undefined
}

const signature = ({ operator, domain, attributes, inputs, outputs }: Node): string =>
  JSON.stringify([operator, domain, attributes, inputs.length, outputs.length])

/** Operators that treat every element by itself, beside those that fold into other nodes. */
const BY_ELEMENT: ReadonlySet<string> = new Set([
  ...ELEMENTWISE,
  ...['Erf', 'Exp', 'Gelu', 'Greater', 'Less', 'QuickGelu', 'Relu', 'Softplus', 'Sqrt'],
])

/** Operators that multiply every row of their first input. */
const PRODUCTS: ReadonlySet<string> = new Set([
  ...['FusedMatMul', 'MatMul', 'MatMulBnb4', 'MatMulInteger', 'MatMulNBits'],
])

/** Whether a node does the same to every row, [rows, width]. */
function treatsRows(node: Node, isLastAxis: (id: string | undefined) => boolean): boolean {
  const { operator, attributes, inputs } = node
  if (BY_ELEMENT.has(operator)) return true
  if (REDUCTIONS.has(operator)) return keepsDimension(attributes) && isLastAxis(inputs[1])
  if (operator === 'Slice') return isLastAxis(inputs[3])
  const axis = intAttribute(attributes.axis)
  return (operator === 'Split' || operator === 'Concat') && (axis === -1 || axis === 1)
}
