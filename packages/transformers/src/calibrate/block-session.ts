import { type ConstantTensor, cacheFolder, createScratchFolder, type HiddenStates } from '@hfquant/core'
import {
  DECODER,
  type Graph,
  type GraphSession,
  type GraphTensor,
  type GraphThreads,
  type TensorRecord,
  writeArtifact,
} from '@hfquant/onnx'

/** Sequences, tokens and width of hidden states. */
export const HIDDEN_SHAPE = ['B', 'S', 'D']

/** Opens a graph for the length of one pass; its files are removed once the runtime has mapped them. */
export async function openPart(
  graph: Graph,
  source: (constant: ConstantTensor) => ConstantTensor,
  threads: GraphThreads,
): Promise<GraphSession> {
  const work = await createScratchFolder(cacheFolder())
  try {
    const part: Graph = Object.create(graph, { constants: { value: graph.constants.map(source) } })
    return await threads.open(await writeArtifact(work.path, part))
  } finally {
    await work.remove()
  }
}

/** What a decoder graph wants to know beside its tokens or hidden states: positions from 0 and an empty cache. */
export function sideInputs(graph: Graph, sequences: number, tokens: number): TensorRecord {
  const rows = Array.from({ length: tokens }, (_, position) => position)
  const known: Record<string, () => GraphTensor> = {
    [DECODER.positionIds]: () => int64(repeat(rows, sequences), [sequences, tokens]),
    [DECODER.lastPosition]: () => ({
      dtype: 'int32',
      shape: [sequences],
      data: new Int32Array(sequences).fill(tokens - 1),
    }),
    [DECODER.totalLength]: () => ({ dtype: 'int32', shape: [], data: Int32Array.of(tokens) }),
    [DECODER.logitsRows]: () => int64(rows, [tokens]),
  }
  const feeds: Record<string, GraphTensor> = {}
  for (const { name, shape } of graph.inputs) {
    const make = known[name]
    if (make !== undefined) feeds[name] = make()
    else if (shape.includes('P')) {
      const empty = shape.map((size) => (size === 'B' ? sequences : size === 'P' ? 0 : Number(size)))
      feeds[name] = { dtype: 'float32', shape: empty, data: new Float32Array(0) }
    }
  }
  return feeds
}

export const hiddenTensor = ({ data, shape }: HiddenStates): GraphTensor => ({
  dtype: 'float32',
  shape,
  data,
})

export const int64 = (values: ArrayLike<number>, shape: readonly number[]): GraphTensor => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(Array.from(values), BigInt),
})

const repeat = (values: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => values).flat()
