import type { GraphValue } from '@hfquant/core'
import { type FloatTable, type Heads, type Ops, type Rope, ropeTables } from '@hfquant/models'
import type { Graph } from '@hfquant/onnx'

export interface RotationRequest {
  readonly graph: Graph
  readonly maxPositions: number
  readonly constant: (table: FloatTable) => GraphValue
  /** Rows of the table for the tokens as they stand; those of long sequences stand behind those of short ones. */
  readonly rowsOf: (rope: Rope) => GraphValue
}

/** Turns heads by the rows of a table that positions choose; layers with equal ropes share the table. */
export function createRotation({ graph, maxPositions, constant, rowsOf }: RotationRequest): Ops['rotate'] {
  const tables = new Map<string, { readonly cos: GraphValue; readonly sin: GraphValue }>()
  const tableOf = (rope: Rope) => {
    const key = JSON.stringify(rope)
    const known = tables.get(key)
    if (known !== undefined) return known
    const { cos, sin } = ropeTables(tables.size === 0 ? 'rope' : `rope_${tables.size}`, rope, maxPositions)
    const made = { cos: constant(cos), sin: constant(sin) }
    tables.set(key, made)
    return made
  }
  return (x, rope, heads) => {
    const { cos, sin } = tableOf(rope)
    return graph.node('RotaryEmbedding', [x, rowsOf(rope), cos, sin], rotaryOptions(rope, heads))
  }
}

/** What the runtime's RotaryEmbedding is told beyond its defaults, which are whole heads, whose two halves turn. */
const rotaryOptions = ({ order, width }: Rope, { count, size }: Heads) =>
  ({
    domain: 'com.microsoft',
    attributes: {
      ...(order === 'pairs' && { interleaved: { int: 1 } }),
      ...(width < size && { rotary_embedding_dim: { int: width }, num_heads: { int: count } }),
    },
  }) as const
