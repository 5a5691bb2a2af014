import {
  type ConstantTensor,
  cacheFolder,
  createScratchFolder,
  type HiddenStates,
} from '@hfquant/core/runtime'
import type { ModelFacts } from '@hfquant/models'
import {
  DECODER,
  ENCODER,
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

/** Sequences of one length that begin with an empty cache. */
export interface Batch {
  readonly sequences: number
  readonly tokens: number
}

/** Makes what a graph wants to know of a batch beside its tokens or hidden states. */
export type SideInputs = (graph: Graph, batch: Batch) => TensorRecord

/** What a graph wants to know: positions from 0, an empty cache, whether the sequences are long ones, types of tokens. */
export const sideInputsOf =
  ({ longRope }: ModelFacts): SideInputs =>
  (graph, { sequences, tokens }) => {
    const rows = Array.from({ length: tokens }, (_, position) => position)
    const isLong = longRope !== undefined && tokens > longRope
    // Each a new tensor: a session takes the memory of what it is fed.
    const last = () => int32(new Array(sequences).fill(tokens - 1), [sequences])
    const total = () => int32([tokens], [])
    const known: Record<string, () => GraphTensor> = {
      [DECODER.positionIds]: () => int64(repeat(rows, sequences), [sequences, tokens]),
      [DECODER.lastPosition]: last,
      [DECODER.totalLength]: total,
      [DECODER.longSequence]: () => int64(new Array(sequences).fill(Number(isLong)), [sequences, 1]),
      [DECODER.readsPrompt]: () => ({ dtype: 'bool', shape: [], data: Uint8Array.of(1) }),
      [ENCODER.tokenTypes]: () => int64(new Array(sequences * tokens).fill(0), [sequences, tokens]),
      [DECODER.logitsRows]: () => int64(rows, [tokens]),
    }
    const feeds: Record<string, GraphTensor> = {}
    for (const { name, shape } of graph.inputs) {
      const make = known[name]
      if (make !== undefined) feeds[name] = make()
      // An empty cache has dropped nothing, whatever the window.
      else if (name.startsWith(DECODER.lastPosition)) feeds[name] = last()
      else if (name.startsWith(DECODER.totalLength)) feeds[name] = total()
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

const int32 = (values: readonly number[], shape: readonly number[]): GraphTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
})

const repeat = (values: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => values).flat()
