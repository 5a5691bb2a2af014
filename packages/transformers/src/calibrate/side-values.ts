import type { GraphValue } from '@hfquant/core'
import { type CutValue, DECODER, type Graph, type TensorRecord } from '@hfquant/onnx'
import type { SideStore } from './side-store.js'
import type { TracedModel } from './trace-blocks.js'

/** What blocks read beside hidden states; see LoweringTrace. The part of a model that makes a value keeps it, by batch. */
export interface SideValues {
  /** Made before a cut: nothing behind it needs to look beyond them. */
  before(from: GraphValue): readonly GraphValue[]
  /** For a part that begins at a cut. */
  read(from: GraphValue, wanted: readonly GraphValue[]): ReadSides
  /** For a part that ends at a cut; one without a beginning is what comes before the blocks. */
  made(from: GraphValue | undefined, to: GraphValue): MadeSides
}

/** What a part begins with beside its hidden states. */
export interface ReadSides {
  readonly cuts: readonly CutValue[]
  feeds(batch: number): Promise<TensorRecord>
}

/** What later parts read. */
interface MadeSides {
  readonly values: readonly GraphValue[]
  addOutputs(part: Graph): void
  /** Of `addOutputs`. */
  readonly outputs: readonly string[]
  keep(result: TensorRecord, batch: number): Promise<void>
}

export function createSideValues(
  graph: Graph,
  { blocks, end, sides }: TracedModel,
  store: SideStore,
): SideValues {
  const cuts = [...blocks.flatMap((block) => block.cuts.slice(0, -1)), ...(end ? [end] : [])]
  const places = new Map(cuts.map(({ id }, index) => [id, index]))
  const homes = new Map(sides.map((value) => [value.id, homeOf(graph, value, cuts)]))
  const placeOf = ({ id }: GraphValue) => places.get(id) ?? cuts.length
  const before = (from: GraphValue) => sides.filter(({ id }) => homes.get(id)! < placeOf(from))
  return {
    before,
    read(from, wanted) {
      const earlier = before(from)
      const border = new Set([from.id, ...earlier.map(({ id }) => id)])
      const needed = new Set(wanted.flatMap((value) => [...graph.ancestors(value, border)]))
      const own = earlier.filter(({ id }) => needed.has(id))
      return {
        cuts: own.map((value) => ({ value, dtype: 'float32', shape: shapeOf(value) })),
        async feeds(batch) {
          const entries = own.map(async ({ id }) => [id, await store.get(id, batch)] as const)
          return Object.fromEntries(await Promise.all(entries))
        },
      }
    },
    made(from, to) {
      const [first, last] = [from === undefined ? BEGINNING : placeOf(from), placeOf(to)]
      const values = sides.filter(({ id }) => homes.get(id)! >= first && homes.get(id)! < last)
      const nameOf = ({ id }: GraphValue) => `side.${id}`
      return {
        values,
        outputs: values.map(nameOf),
        addOutputs(part) {
          for (const value of values) part.output(nameOf(value), value, 'float32', shapeOf(value))
        },
        async keep(result, batch) {
          for (const value of values) await store.set(value.id, batch, result[nameOf(value)]!)
        },
      }
    },
  }
}

/** Widths differ, and what the runtime knows by one name is of one size to it: it uses memory again for as much. */
const shapeOf = ({ id }: GraphValue) => ['B', 'S', `width of ${id}`]

/** Before the first cut. */
const BEGINNING = -1

/** The cut behind which a value is made. */
function homeOf(graph: Graph, value: GraphValue, cuts: readonly GraphValue[]): number {
  const known = graph.ancestors(value)
  const last = cuts.findLastIndex(({ id }) => known.has(id))
  if (last !== 0) return last
  // Inputs of single layers are made of the first hidden states and of tokens, keys and values of the first block of hidden
  // states alone.
  return graph.ancestors(value, new Set([cuts[0]!.id])).has(DECODER.inputIds) ? BEGINNING : 0
}
