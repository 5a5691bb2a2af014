import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GraphValue } from '@hfquant/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { openDecoder } from '../session/decoder.js'
import { DECODER } from '../session/decoder-ports.js'
import type { Sequence } from '../session/sequences.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { createGraph, type Graph } from './graph.js'

const [HEADS, KV_HEADS, SIZE, VOCABULARY, POSITIONS] = [4, 2, 64, 50, 512]
const WIDTH = HEADS * SIZE

const wave = (count: number, seed: number) =>
  floatBytes(Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed)))

interface DecoderOptions {
  readonly layers?: number
  readonly blockSize?: number
  /** What else happens to the embeddings. */
  readonly twist?: (graph: Graph, hidden: GraphValue) => GraphValue
}

/** Layers of attention whose projections and head are in 4 bits. */
function fourBitDecoder({ layers = 2, blockSize = 128, twist = (_, hidden) => hidden }: DecoderOptions = {}) {
  const graph = createGraph('four bits')
  const ids = graph.input(DECODER.inputIds, 'int64', ['B', 'S'])
  const positions = graph.input(DECODER.positionIds, 'int64', ['B', 'S'])
  const last = graph.input(DECODER.lastPosition, 'int32', ['B'])
  const total = graph.input(DECODER.totalLength, 'int32', [])
  const [cos, sin] = [1, 2].map((seed) =>
    graph.constant(
      constant(`rope${seed}`, 'float32', [POSITIONS, SIZE / 2], wave((POSITIONS * SIZE) / 2, seed)),
    ),
  ) as [GraphValue, GraphValue]
  const rotate = (input: GraphValue) =>
    graph.node('RotaryEmbedding', [input, positions, cos, sin], { domain: 'com.microsoft' })
  const product = (name: string, input: GraphValue, N: number) => {
    const blocks = WIDTH / blockSize
    const bytes = Uint8Array.from({ length: (N * WIDTH) / 2 }, (_, at) => (at * 31 + N + (at >> 3)) & 255)
    const codes = graph.constant(constant(`${name}.codes`, 'uint8', [N, blocks, blockSize / 2], bytes))
    const scales = graph.constant(constant(`${name}.scales`, 'float32', [N, blocks], wave(N * blocks, 3)))
    const attributes = {
      ...{ K: { int: WIDTH }, N: { int: N }, bits: { int: 4 }, block_size: { int: blockSize } },
      accuracy_level: { int: 4 },
    }
    return graph.node('MatMulNBits', [input, codes, scales], { domain: 'com.microsoft', attributes })
  }
  const norm = (input: GraphValue) => {
    const weight = graph.constant(constant('norm', 'float32', [WIDTH], wave(WIDTH, 4)))
    const attributes = { axis: { int: -1 }, epsilon: { float: 1e-5 }, stash_type: { int: 1 } }
    return graph.node('SimplifiedLayerNormalization', [input, weight], { attributes })
  }

  const table = constant('table', 'float32', [VOCABULARY, WIDTH], wave(VOCABULARY * WIDTH, 5))
  let hidden = twist(graph, graph.node('Gather', [graph.constant(table), ids]))
  for (let layer = 0; layer < layers; layer++) {
    const x = norm(hidden)
    const query = rotate(product(`${layer}.query`, x, WIDTH))
    const key = rotate(product(`${layer}.key`, x, KV_HEADS * SIZE))
    const value = product(`${layer}.value`, x, KV_HEADS * SIZE)
    const past = [DECODER.pastKey(layer), DECODER.pastValue(layer)].map((name) =>
      graph.input(name, 'float32', ['B', KV_HEADS, 'P', SIZE]),
    )
    const [attended] = graph.nodes('GroupQueryAttention', [query, key, value, ...past, last, total], 3, {
      domain: 'com.microsoft',
      attributes: { num_heads: { int: HEADS }, kv_num_heads: { int: KV_HEADS } },
    })
    hidden = graph.node('Add', [hidden, product(`${layer}.output`, attended!, WIDTH)])
    graph.output(DECODER.newKey(layer), key, 'float32', ['B', 'S', KV_HEADS * SIZE])
    graph.output(DECODER.newValue(layer), value, 'float32', ['B', 'S', KV_HEADS * SIZE])
  }
  const rows = graph.input(DECODER.logitsRows, 'int64', ['R'])
  const picked = graph.node('Gather', [hidden, rows], { attributes: { axis: { int: 1 } } })
  graph.output(DECODER.logits, product('head', norm(picked), VOCABULARY), 'float32', ['B', 'R', VOCABULARY])
  return graph
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-pairs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const prompt = (length: number, seed: number) =>
  Array.from({ length }, (_, index) => (index * 7 + seed * 11) % VOCABULARY)

async function open(graph: Graph, layers = 2) {
  const path = await writeArtifact(await mkdtemp(join(folder, 'graph-')), graph)
  const cache = { layers, heads: KV_HEADS, headSize: SIZE }
  return openDecoder(path, cache, { threads: 1, optimized: false })
}

/** Logits after prompts of the lengths, each read in parts of `part`, and after each of three tokens that follow. */
async function converse(
  graph: Graph,
  lengths: readonly (readonly [length: number, seed: number])[],
  part: number,
) {
  const decoder = await open(graph)
  try {
    const said = new Map<Sequence, number[][]>()
    for (const [length, seed] of lengths) {
      const ids = prompt(length, seed)
      const sequence = decoder.sequences.begin(ids)
      let logits: Float32Array = new Float32Array()
      for (let at = 0; at < length; at += part)
        logits = await decoder.append(sequence, ids.slice(at, at + part))
      said.set(sequence, [[...logits]])
    }
    for (const token of [9, 0, 31]) {
      const logits = await decoder.step(new Map([...said.keys()].map((sequence) => [sequence, token])))
      for (const [sequence, row] of logits) said.get(sequence)!.push([...row])
    }
    return [...said.values()]
  } finally {
    await decoder.close()
  }
}

const inputs = (graph: Graph) => graph.inputs.map(({ name }) => name)

describe('a decoder that pairs rows', () => {
  const paired = fourBitDecoder().merged().withPairedRows()

  test('says the same to the bit alone, beside others and in other parts of a prompt', async () => {
    const prompts = [
      [5, 1],
      [12, 2],
      [31, 3],
    ] as const
    const together = await converse(paired, prompts, 512)
    for (const [index, one] of prompts.entries()) {
      expect(await converse(paired, [one], 512)).toEqual([together[index]])
    }
    const inParts = await converse(
      paired,
      [
        [31, 3],
        [12, 2],
      ],
      4,
    )
    expect(inParts[0]).toEqual(together[2])
    expect(inParts[1]).toEqual(together[1])
  })

  test('says what it says without pairs, but for the order of sums', async () => {
    const prompts = [
      [5, 1],
      [12, 2],
      [31, 3],
    ] as const
    const [pairs, single] = [
      await converse(paired, prompts, 512),
      await converse(fourBitDecoder(), prompts, 512),
    ]
    const values = single.flat(2)
    const size = Math.max(...values.map(Math.abs))
    const most = pairs.flat(2).reduce((worst, value, at) => Math.max(worst, Math.abs(value - values[at]!)), 0)
    expect(most / size).toBeLessThan(0.02)
  })

  test('gives logits of every position of a batch', async () => {
    const [pairs, single] = await Promise.all(
      [paired, fourBitDecoder()].map(async (graph) => {
        const decoder = await open(graph)
        const ids = Int32Array.from([...prompt(5, 1), ...prompt(5, 2), ...prompt(5, 3)])
        const logits = await decoder.forward(ids, 3)
        await decoder.close()
        return logits
      }),
    )
    expect(pairs).toHaveLength(15 * VOCABULARY)
    const size = Math.max(...single!.map(Math.abs))
    const most = pairs!.reduce((worst, value, at) => Math.max(worst, Math.abs(value - single![at]!)), 0)
    expect(most / size).toBeLessThan(0.02)
  })
})

test('rows that are cut into parts for a while are paired as well', async () => {
  const twist = (graph: Graph, hidden: GraphValue) => {
    const parts = graph.node('Reshape', [hidden, graph.literal('int64', [3], [-1, 4, WIDTH / 4])])
    const sums = graph.node('ReduceSum', [parts, graph.literal('int64', [1], [2])], {
      attributes: { keepdims: { int: 0 } },
    })
    const weight = constant('spread', 'float32', [4, WIDTH], wave(4 * WIDTH, 7))
    const spread = graph.node('MatMul', [sums, graph.constant(weight)])
    return graph.node('Add', [hidden, graph.node('Reshape', [spread, graph.node('Shape', [hidden])])])
  }
  const graph = fourBitDecoder({ twist }).withPairedRows()
  expect(inputs(graph)).toContain(DECODER.pairedTokens)
  const [together, alone] = [
    await converse(
      graph,
      [
        [12, 2],
        [5, 1],
      ],
      512,
    ),
    await converse(graph, [[5, 1]], 512),
  ]
  expect(alone[0]).toEqual(together[1])
})

describe('rows stay as they are', () => {
  test('where no product pairs them', () => {
    const graph = fourBitDecoder({ blockSize: 32 })
    expect(inputs(graph.withPairedRows())).toEqual(inputs(graph))
  })

  test('where a node may look at several of them', () => {
    const twist = (graph: Graph, hidden: GraphValue) =>
      graph.node('CumSum', [hidden, graph.literal('int64', [], [1])])
    const graph = fourBitDecoder({ twist })
    expect(inputs(graph.withPairedRows())).toEqual(inputs(graph))
  })

  test('where positions are used outside of attention', () => {
    const twist = (graph: Graph, hidden: GraphValue) => {
      const table = constant('positions', 'float32', [POSITIONS, WIDTH], wave(POSITIONS * WIDTH, 6))
      return graph.node('Add', [
        hidden,
        graph.node('Gather', [graph.constant(table), { id: DECODER.positionIds }]),
      ])
    }
    const graph = fourBitDecoder({ twist })
    expect(inputs(graph.withPairedRows())).toEqual(inputs(graph))
  })
})
