import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import type { Graph } from '../graph/graph.js'
import { type Decoder, openDecoder } from '../session/decoder.js'
import type { CacheDtype } from '../session/protocol.js'
import type { Sequence } from '../session/sequences.js'
import {
  addPartSums,
  addPositions,
  cacheShape,
  fourBitDecoder,
  VOCABULARY,
} from '../testing/four-bit-decoder.fixture.js'
import type { RowLayout } from './token-rows.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-pairs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function withDecoder<Result>(
  graph: Graph,
  dtype: CacheDtype | undefined,
  use: (decoder: Decoder) => Promise<Result>,
): Promise<Result> {
  const path = await writeArtifact(await mkdtemp(join(folder, 'graph-')), graph)
  const decoder = await openDecoder(path, cacheShape(dtype), { threads: 1, optimized: false })
  try {
    return await use(decoder)
  } finally {
    await decoder.close()
  }
}

interface Prompt {
  readonly length: number
  readonly seed: number
}

const tokens = ({ length, seed }: Prompt) =>
  Array.from({ length }, (_, index) => (index * 7 + seed * 11) % VOCABULARY)

interface Reading {
  /** Tokens of a prompt that are read at once. */
  readonly part?: number
  readonly dtype?: CacheDtype | undefined
}

/** Logits after each prompt, and after each of three tokens that all of them get in one run. */
const converse = (graph: Graph, prompts: readonly Prompt[], { part = 512, dtype }: Reading = {}) =>
  withDecoder(graph, dtype, async (decoder) => {
    const said = new Map<Sequence, number[][]>()
    for (const prompt of prompts) {
      const ids = tokens(prompt)
      const sequence = decoder.sequences.begin(ids)!
      let logits: Float32Array = new Float32Array()
      for (let at = 0; at < ids.length; at += part) {
        logits = await decoder.append(sequence, ids.slice(at, at + part))
      }
      said.set(sequence, [[...logits]])
    }
    for (const token of [9, 0, 31]) {
      const logits = await decoder.step(new Map([...said.keys()].map((sequence) => [sequence, token])))
      for (const [sequence, row] of logits) said.get(sequence)!.push([...row])
    }
    return [...said.values()]
  })

const [short, middle, long] = [
  { length: 5, seed: 1 },
  { length: 12, seed: 2 },
  { length: 31, seed: 3 },
] as const
const all = [short, middle, long]

/** max |found − wanted| / max |wanted| */
function relativeError(found: readonly number[], wanted: readonly number[]): number {
  expect(found).toHaveLength(wanted.length)
  const most = found.reduce((worst, value, at) => Math.max(worst, Math.abs(value - wanted[at]!)), 0)
  return most / Math.max(...wanted.map(Math.abs))
}

/** A graph by its layout. */
type ByLayout = (layout: RowLayout) => Graph

describe.each<[string, ByLayout, CacheDtype | undefined]>([
  ['in 4 bits', (layout) => fourBitDecoder({ layout }), undefined],
  ['with merged projections', (layout) => fourBitDecoder({ layout }).merged(), undefined],
  [
    'that cuts rows into parts for a while',
    (layout) => fourBitDecoder({ layout, twist: addPartSums }).merged(),
    undefined,
  ],
  [
    'that reads positions outside of attention',
    (layout) => fourBitDecoder({ layout, twist: addPositions }),
    undefined,
  ],
  [
    'with keys and values in float16',
    (layout) => fourBitDecoder({ layout, dtype: 'float16' }).merged(),
    'float16',
  ],
])('a decoder %s whose tokens stand in one column', (_name, lowered, dtype) => {
  const plain = lowered('sequences')
  const paired = lowered({ column: 'all' })

  test('says the same to the bit alone, beside others and in other parts of a prompt', async () => {
    const together = await converse(paired, all, { dtype })
    for (const [index, prompt] of all.entries()) {
      expect(await converse(paired, [prompt], { dtype })).toEqual([together[index]])
    }
    expect(await converse(paired, [middle, long], { dtype, part: 4 })).toEqual(together.slice(1))
  })

  test('says what it says in rows, but for the order of sums', async () => {
    const [pairs, single] = [await converse(paired, all, { dtype }), await converse(plain, all, { dtype })]
    expect(relativeError(pairs.flat(2), single.flat(2))).toBeLessThan(0.02)
  })

  test('gives logits of every position of a batch', async () => {
    const ids = Int32Array.from([1, 2, 3].flatMap((seed) => tokens({ length: 5, seed })))
    const logits = (graph: Graph) =>
      withDecoder(graph, dtype, async (decoder) => [...(await decoder.forward(ids, 3))])
    const [pairs, single] = [await logits(paired), await logits(plain)]
    expect(pairs).toHaveLength(15 * VOCABULARY)
    expect(relativeError(pairs, single)).toBeLessThan(0.02)
  })
})

test('a graph says whether it has products that pair rows, and whether its head is one', () => {
  expect(fourBitDecoder().pairedProducts()).toEqual({ anywhere: true, inHead: true })
  expect(fourBitDecoder({ blockSize: 32 }).pairedProducts()).toEqual({ anywhere: false, inHead: false })
})
