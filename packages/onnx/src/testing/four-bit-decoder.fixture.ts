import type { GraphValue } from '@hfquant/core'
import { createGraph, type Graph } from '../graph/graph.js'
import { type RowLayout, type TokenRows, tokenRows } from '../lower/token-rows.js'
import { DECODER } from '../session/decoder-ports.js'
import type { CacheDtype, CacheShape } from '../session/protocol.js'
import { constant, floatBytes } from './run-graph.fixture.js'

const [LAYERS, HEADS, KV_HEADS, SIZE] = [2, 4, 2, 64]
export const VOCABULARY = 50
const WIDTH = HEADS * SIZE
const POSITIONS = 512
const MICROSOFT = { domain: 'com.microsoft' } as const

export interface FourBitDecoder {
  readonly blockSize?: number
  readonly dtype?: CacheDtype
  readonly layout?: RowLayout
  /** What else happens to the embeddings, [B, S, width]. */
  readonly twist?: (graph: Graph, hidden: GraphValue, rows: TokenRows) => GraphValue
}

export const cacheShape = (dtype: CacheDtype = 'float32'): CacheShape => ({
  layers: Array.from({ length: LAYERS }, () => ({ kind: 'kv', heads: KV_HEADS, headSize: SIZE })),
  dtype,
})

/** Layers of attention whose projections, and the head, are products of 4-bit weights. */
export function fourBitDecoder(options: FourBitDecoder = {}): Graph {
  const { blockSize = 128, dtype = 'float32', layout = 'sequences', twist } = options
  const graph = createGraph('four bits')
  const rows = tokenRows(graph, layout)
  const attend = attention(graph, dtype, rows)
  const table = constant('table', 'float32', [VOCABULARY, WIDTH], wave(VOCABULARY * WIDTH, 5))
  const embedded = graph.node('Gather', [graph.constant(table), rows.ids])
  let hidden = twist?.(graph, embedded, rows) ?? embedded
  for (let layer = 0; layer < LAYERS; layer++) {
    const x = norm(graph, hidden)
    const project = (name: string, input: GraphValue, N: number) =>
      product(graph, `${layer}.${name}`, input, N, blockSize)
    const attended = attend(layer, {
      query: project('query', x, WIDTH),
      key: project('key', x, KV_HEADS * SIZE),
      value: project('value', x, KV_HEADS * SIZE),
    })
    hidden = graph.node('Add', [hidden, project('output', attended, WIDTH)])
  }
  const logits = product(graph, 'head', norm(graph, rows.wanted(hidden)), VOCABULARY, blockSize)
  graph.output(DECODER.logits, logits, 'float32', [...rows.wantedShape, VOCABULARY])
  return graph
}

/** A table of positions added to what is embedded: they are read outside of attention. */
export function addPositions(graph: Graph, hidden: GraphValue, rows: TokenRows): GraphValue {
  const table = constant('positions', 'float32', [POSITIONS, WIDTH], wave(POSITIONS * WIDTH, 6))
  const positions = graph.node('Gather', [graph.constant(table), rows.positions()])
  return graph.node('Add', [hidden, positions])
}

/** Adds a product of the sums of four parts of every row, as weights with a zero point for each group need. */
export function addPartSums(graph: Graph, hidden: GraphValue): GraphValue {
  const parts = graph.node('Reshape', [hidden, graph.literal('int64', [3], [-1, 4, WIDTH / 4])])
  const sums = graph.node('ReduceSum', [parts, graph.literal('int64', [1], [2])], {
    attributes: { keepdims: { int: 0 } },
  })
  const spread = graph.node('MatMul', [
    sums,
    graph.constant(constant('spread', 'float32', [4, WIDTH], wave(4 * WIDTH, 7))),
  ])
  return graph.node('Add', [hidden, graph.node('Reshape', [spread, graph.node('Shape', [hidden])])])
}

interface Projections {
  readonly query: GraphValue
  readonly key: GraphValue
  readonly value: GraphValue
}

function attention(graph: Graph, dtype: CacheDtype, rows: TokenRows) {
  const last = graph.input(DECODER.lastPosition, 'int32', ['B'])
  const total = graph.input(DECODER.totalLength, 'int32', [])
  const tables = [1, 2].map((seed) =>
    graph.constant(
      constant(`rope${seed}`, 'float32', [POSITIONS, SIZE / 2], wave((POSITIONS * SIZE) / 2, seed)),
    ),
  )
  const rotate = (input: GraphValue) =>
    graph.node('RotaryEmbedding', [input, rows.positions(), ...tables], MICROSOFT)
  const cast = (value: GraphValue, to: CacheDtype) =>
    dtype === 'float32' ? value : graph.node('Cast', [value], { attributes: { to: { int: NUMBER[to] } } })

  return (layer: number, projections: Projections): GraphValue => {
    const [query, key] = [rotate(projections.query), rotate(projections.key)]
    const inputs = [query, key, projections.value].map((value) => cast(rows.toSequences(value), dtype))
    const past = [DECODER.pastKey(layer), DECODER.pastValue(layer)].map((name) =>
      graph.input(name, dtype, ['B', KV_HEADS, 'P', SIZE]),
    )
    const attributes = { num_heads: { int: HEADS }, kv_num_heads: { int: KV_HEADS } }
    const [attended] = graph.nodes('GroupQueryAttention', [...inputs, ...past, last, total], 3, {
      ...MICROSOFT,
      attributes,
    })
    graph.output(DECODER.newKey(layer), inputs[1]!, dtype, ['B', 'S', KV_HEADS * SIZE])
    graph.output(DECODER.newValue(layer), inputs[2]!, dtype, ['B', 'S', KV_HEADS * SIZE])
    return rows.fromSequences(cast(attended!, 'float32'))
  }
}

const NUMBER = { float32: 1, float16: 10 } as const

function product(graph: Graph, name: string, input: GraphValue, N: number, blockSize: number): GraphValue {
  const blocks = WIDTH / blockSize
  const bytes = Uint8Array.from({ length: (N * WIDTH) / 2 }, (_, at) => (at * 31 + N + (at >> 3)) & 255)
  const codes = graph.constant(constant(`${name}.codes`, 'uint8', [N, blocks, blockSize / 2], bytes))
  const scales = graph.constant(constant(`${name}.scales`, 'float32', [N, blocks], wave(N * blocks, 3)))
  const attributes = {
    ...{ K: { int: WIDTH }, N: { int: N }, bits: { int: 4 }, block_size: { int: blockSize } },
    accuracy_level: { int: 4 },
  }
  return graph.node('MatMulNBits', [input, codes, scales], { ...MICROSOFT, attributes })
}

function norm(graph: Graph, input: GraphValue): GraphValue {
  const weight = graph.constant(constant('norm', 'float32', [WIDTH], wave(WIDTH, 4)))
  const attributes = { axis: { int: -1 }, epsilon: { float: 1e-5 }, stash_type: { int: 1 } }
  return graph.node('SimplifiedLayerNormalization', [input, weight], { attributes })
}

const wave = (count: number, seed: number) =>
  floatBytes(Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed)))
