import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GraphValue } from '@hfquant/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { createGraph, type Graph } from '../graph/graph.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { type Decoder, openDecoder } from './decoder.js'
import { DECODER } from './decoder-ports.js'
import type { CacheDtype } from './protocol.js'
import type { Sequence } from './sequences.js'

/** A layer of attention over embeddings, whose result is the logits: enough to see what comes out of the cache. */

const [HEADS, KV_HEADS, SIZE, VOCABULARY] = [4, 2, 8, 40]
/** Four times the largest relative error of rounding to float16. */
const FEW_ROUNDINGS = 4 * 2 ** -11
/** A token whose keys float16 cannot hold. */
const TOO_LARGE = VOCABULARY - 1

function attentionGraph(dtype: CacheDtype): Graph {
  const graph = createGraph('attention')
  const ids = graph.input(DECODER.inputIds, 'int64', ['B', 'S'])
  graph.input(DECODER.positionIds, 'int64', ['B', 'S'])
  const cast = (value: GraphValue, to: CacheDtype) =>
    graph.node('Cast', [value], { attributes: { to: { int: to === 'float32' ? 1 : 10 } } })
  const embed = (name: string, width: number, seed: number) => {
    const values = Array.from({ length: VOCABULARY * width }, (_, at) => 2 * Math.sin(at * 12.9898 + seed))
    if (name === 'key') values.fill(1e5, TOO_LARGE * width)
    const table = constant(name, 'float32', [VOCABULARY, width], floatBytes(values))
    return cast(graph.node('Gather', [graph.constant(table), ids]), dtype)
  }
  const query = embed('query', HEADS * SIZE, 1)
  const [key, value] = [embed('key', KV_HEADS * SIZE, 2), embed('value', KV_HEADS * SIZE, 3)]
  const past = ['B', KV_HEADS, 'P', SIZE]
  const inputs = [
    ...[query, key, value],
    graph.input(DECODER.pastKey(0), dtype, past),
    graph.input(DECODER.pastValue(0), dtype, past),
    graph.input(DECODER.lastPosition, 'int32', ['B']),
    graph.input(DECODER.totalLength, 'int32', []),
  ]
  const attributes = { num_heads: { int: HEADS }, kv_num_heads: { int: KV_HEADS } }
  const [attended] = graph.nodes('GroupQueryAttention', inputs, 3, { domain: 'com.microsoft', attributes })
  const rows = graph.input(DECODER.logitsRows, 'int64', ['R'])
  const logits = graph.node('Gather', [cast(attended!, 'float32'), rows], {
    attributes: { axis: { int: 1 } },
  })
  graph.output(DECODER.logits, logits, 'float32', ['B', 'R', HEADS * SIZE])
  graph.output(DECODER.newKey(0), key, dtype, ['B', 'S', KV_HEADS * SIZE])
  graph.output(DECODER.newValue(0), value, dtype, ['B', 'S', KV_HEADS * SIZE])
  return graph
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-decoder-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function withDecoder<Result>(dtype: CacheDtype, use: (decoder: Decoder) => Promise<Result>) {
  const path = await writeArtifact(await mkdtemp(join(folder, dtype)), attentionGraph(dtype))
  const cache = { layers: [{ kind: 'kv', heads: KV_HEADS, headSize: SIZE } as const], dtype }
  const decoder = await openDecoder(path, cache, { threads: 1, optimized: false })
  try {
    return await use(decoder)
  } finally {
    await decoder.close()
  }
}

const tokens = (length: number, seed: number) =>
  Array.from({ length }, (_, index) => (index * 7 + seed * 11) % (VOCABULARY - 1))

interface Said {
  readonly ids: readonly number[]
  /** After the last of them. */
  readonly logits: Float32Array
}

/** Three sequences of different lengths: prompts in two parts, then tokens that all of them get in one run. */
async function converse(decoder: Decoder): Promise<Said[]> {
  const said: Said[] = []
  const sequences: Sequence[] = []
  for (const [seed, length] of [5, 300, 12].entries()) {
    const prompt = tokens(length, seed)
    const sequence = decoder.sequences.begin(prompt)!
    await decoder.append(sequence, prompt.slice(0, 3))
    said.push({ ids: prompt, logits: await decoder.append(sequence, prompt.slice(3)) })
    sequences.push(sequence)
  }
  for (const token of [9, 0, 31]) {
    const logits = await decoder.step(new Map(sequences.map((sequence, index) => [sequence, token + index])))
    for (const [sequence, row] of logits) said.push({ ids: [...sequence.tokens], logits: row.slice() })
  }
  return said
}

/** max |found − wanted| / max |wanted| */
function relativeError(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length)
  const difference = found.reduce((most, value, index) => Math.max(most, Math.abs(value - wanted[index]!)), 0)
  return difference / wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

describe.each([
  ['float32', 1e-5],
  ['float16', FEW_ROUNDINGS],
] as const)('a decoder with a cache in %s', (dtype, bound) => {
  test('says after parts of prompts and shared steps what it says without a cache', async () => {
    await withDecoder(dtype, async (decoder) => {
      const said = await converse(decoder)
      expect(said).toHaveLength(12)
      for (const { ids, logits } of said) {
        const uncached = await decoder.forward(Int32Array.from(ids), 1)
        expect(relativeError(logits, uncached.subarray(-logits.length))).toBeLessThan(bound)
      }
    })
  })
})

test('a cache in float16 takes half the bytes, and changes logits by a few roundings', async () => {
  const [full, half] = await Promise.all(
    (['float32', 'float16'] as const).map((dtype) =>
      withDecoder(dtype, async (decoder) => ({
        said: await converse(decoder),
        bytes: decoder.sequences.byteLength,
      })),
    ),
  )
  expect(half!.bytes).toBe(full!.bytes / 2)
  for (const [index, { ids, logits }] of half!.said.entries()) {
    const wanted = full!.said[index]!
    expect(ids).toEqual(wanted.ids)
    const error = relativeError(logits, wanted.logits)
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(FEW_ROUNDINGS)
  }
})

test('a key that float16 cannot hold makes logits that are no numbers, instead of wrong ones', async () => {
  const after = (dtype: CacheDtype) =>
    withDecoder(dtype, (decoder) => {
      const ids = [1, TOO_LARGE, 2, 3]
      return decoder.append(decoder.sequences.begin(ids)!, ids)
    })
  expect((await after('float32')).every(Number.isFinite)).toBe(true)
  expect((await after('float16')).some(Number.isNaN)).toBe(true)
})
