import type { GraphAttribute } from '@hfquant/core'
import type { Literal, Node } from './graph-parts.js'

/** Operators that compute every element from those in the same place, with the usual broadcasting. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...['Abs', 'Add', 'Cast', 'Clip', 'Div', 'Equal', 'GreaterOrEqual', 'Identity', 'Max', 'Min', 'Mul'],
  ...['Neg', 'QuantizeLinear', 'Round', 'Sigmoid', 'Sub', 'Tanh', 'Where'],
])

/** Operators whose second input names the axes that they reduce. */
export const REDUCTIONS: ReadonlySet<string> = new Set(['ReduceMax', 'ReduceMin', 'ReduceSum'])

/** Whether a reduction leaves its axis there, of length 1. */
export const keepsDimension = ({ keepdims }: Node['attributes']): boolean =>
  keepdims === undefined || intAttribute(keepdims) === 1

/** The nodes that read each value, in their order. */
export function readersOf(nodes: readonly Node[]): ReadonlyMap<string, readonly Node[]> {
  const readers = new Map<string, Node[]>()
  for (const node of nodes) {
    for (const id of node.inputs) {
      const known = readers.get(id)
      if (known === undefined) readers.set(id, [node])
      else known.push(node)
    }
  }
  return readers
}

export const intAttribute = (attribute: GraphAttribute | undefined): number | undefined =>
  attribute !== undefined && 'int' in attribute ? attribute.int : undefined

/** The numbers of an int64 literal; none for one of a narrower type. */
export function int64s({ bytes }: Literal): readonly number[] {
  if (bytes.byteLength % 8 !== 0) return []
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number)
}
