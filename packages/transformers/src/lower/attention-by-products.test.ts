import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AttendCall } from '@hfquant/models'
import { createGraph, createGraphThreads, type GraphTensor, writeArtifact } from '@hfquant/onnx'
import { afterAll, describe, expect, test } from 'vitest'
import { attentionByProducts, VALUE_PART } from './attention-by-products.js'
import { keyMask } from './key-mask.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-products-'))
const threads = createGraphThreads({ threads: 2 })
afterAll(async () => {
  await threads.close()
  rmSync(folder, { recursive: true, force: true })
})

type Choice = Pick<AttendCall, 'heads' | 'kvHeads' | 'window' | 'softCap' | 'slopes' | 'scale'> & {
  readonly sinks?: readonly number[]
}

const float = (data: Float32Array, shape: readonly number[]): GraphTensor => ({
  dtype: 'float32',
  shape,
  data,
})

/** Numbers between -1 and 1 that depend on `seed` alone. */
function noise(count: number, seed: number): Float32Array {
  const key = `${count} ${seed}`
  const made =
    known.get(key) ?? Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233))
  known.set(key, made)
  return made
}
const known = new Map<string, Float32Array>()

async function openChoice({ heads, kvHeads, window, softCap, slopes, scale, sinks }: Choice) {
  const { count, size } = heads
  const graph = createGraph('products')
  const input = (name: string, shape: (number | string)[]) => graph.input(name, 'float32', shape)
  const vector = (name: string) => graph.input(name, 'int64', [1])
  const lengths = { capacity: vector('capacity'), newTokens: vector('newTokens') }
  const attended = attentionByProducts(graph, {
    call: {
      ...{ layer: 0, heads, kvHeads, window, softCap, slopes, scale, query: { id: 'query' } },
      sinks: sinks && graph.literal('float32', [count], sinks),
    },
    size,
    query: input('query', ['B', 'S', count * size]),
    newKey: input('newKey', ['B', 'S', kvHeads * size]),
    newValue: input('newValue', ['B', 'S', kvHeads * size]),
    pastKey: input('pastKey', ['B', kvHeads, 'P', size]),
    pastValue: input('pastValue', ['B', kvHeads, 'P', size]),
    lengths: graph.node('Concat', [lengths.capacity, lengths.newTokens], {
      attributes: { axis: { int: 0 } },
    }),
    ones: input('ones', [1, 'parts']),
    mask: keyMask(graph, {
      ...{ ...lengths, last: graph.input('last', 'int32', ['B']), window, kvHeads, slopes },
      group: count / kvHeads,
    }),
  })
  graph.output('attended', attended, 'float32', ['B', 'S', count * size])
  const session = await threads.open(await writeArtifact(folder, graph))

  /** What each sequence gets for `added` tokens behind as many as `lengths` says, [B][S · heads · size]. */
  return async (lengthsOfAll: readonly number[], added: number, capacity: number) => {
    const batch = lengthsOfAll.length
    const rows = (width: number, kind: number) =>
      float(Float32Array.from(lengthsOfAll.flatMap((length) => [...noise(added * width, kind + length)])), [
        batch,
        added,
        width,
      ])
    const cache = (kind: number) => {
      const data = new Float32Array(batch * kvHeads * capacity * size)
      for (const [index, length] of lengthsOfAll.entries()) {
        for (let head = 0; head < kvHeads; head++) {
          data.set(noise(length * size, kind + head), (index * kvHeads + head) * capacity * size)
        }
      }
      return float(data, [batch, kvHeads, capacity, size])
    }
    const { attended: found } = await session.run(
      {
        query: rows(count * size, 1),
        newKey: rows(kvHeads * size, 2),
        newValue: rows(kvHeads * size, 3),
        pastKey: cache(10),
        pastValue: cache(20),
        capacity: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(capacity)) },
        newTokens: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(added)) },
        last: {
          ...{ dtype: 'int32', shape: [batch] },
          data: Int32Array.from(lengthsOfAll, (length) => length + added - 1),
        },
        ones: float(new Float32Array(capacity / VALUE_PART).fill(1), [1, capacity / VALUE_PART]),
      },
      ['attended'],
    )
    const width = added * count * size
    return lengthsOfAll.map((_, index) => [
      ...(found!.data as Float32Array).subarray(index * width, (index + 1) * width),
    ])
  }
}

/** The same by the formula, of one sequence. */
function byFormula(choice: Choice, length: number, added: number): number[] {
  const { heads, kvHeads, window = Number.POSITIVE_INFINITY, softCap, slopes, sinks } = choice
  const { count, size } = heads
  const scale = choice.scale ?? size ** -0.5
  const [query, newKey, newValue] = [1, 2, 3].map((kind) =>
    noise(added * (kind === 1 ? count : kvHeads) * size, kind + length),
  ) as [Float32Array, Float32Array, Float32Array]
  const at = (kind: number, fresh: Float32Array, head: number, position: number) =>
    position < length
      ? noise(length * size, kind + head).subarray(position * size, (position + 1) * size)
      : fresh.subarray(
          ((position - length) * kvHeads + head) * size,
          ((position - length) * kvHeads + head + 1) * size,
        )
  const out: number[] = []
  for (let row = 0; row < added; row++) {
    for (let head = 0; head < count; head++) {
      const own = Math.floor(head / (count / kvHeads))
      const q = query.subarray((row * count + head) * size, (row * count + head + 1) * size)
      const first = Math.max(0, length + row - window + 1)
      const positions = Array.from({ length: length + row + 1 - first }, (_, index) => first + index)
      const scores = positions.map((position) => {
        const product =
          at(10, newKey, own, position).reduce((sum, k, index) => sum + k * q[index]!, 0) * scale
        const capped = softCap === undefined ? product : softCap * Math.tanh(product / softCap)
        return capped - (slopes?.[head] ?? 0) * (length + row - position)
      })
      const weights = scores.map(Math.exp)
      const total = weights.reduce((sum, weight) => sum + weight, sinks ? Math.exp(sinks[head]!) : 0)
      const values = positions.map((position) => at(20, newValue, own, position))
      for (let channel = 0; channel < size; channel++) {
        out.push(values.reduce((sum, value, index) => sum + (weights[index]! / total) * value[channel]!, 0))
      }
    }
  }
  return out
}

const worst = (found: readonly number[], wanted: readonly number[]) =>
  found.reduce((most, value, index) => Math.max(most, Math.abs(value - wanted[index]!)), 0)

describe.each<[string, Choice]>([
  ['shares keys between heads', { heads: { count: 4, size: 8 }, kvHeads: 2 }],
  ['has keys for every head', { heads: { count: 3, size: 16 }, kvHeads: 3 }],
  ['has one key for all heads', { heads: { count: 4, size: 8 }, kvHeads: 1 }],
  ['looks back a window', { heads: { count: 4, size: 8 }, kvHeads: 2, window: 5 }],
  [
    'caps its scores, of a scale of its own',
    { heads: { count: 2, size: 8 }, kvHeads: 1, softCap: 2, scale: 0.7 },
  ],
  [
    'has biases by distance',
    { heads: { count: 4, size: 8 }, kvHeads: 2, slopes: [0.5, 0.25, 0.125, 0.0625] },
  ],
  ['has sinks', { heads: { count: 4, size: 8 }, kvHeads: 2, sinks: [1, -1, 0.5, 2] }],
])('attention that %s', async (_name, choice) => {
  const attend = await openChoice(choice)

  test('is what the formula says, for one token and for several', async () => {
    for (const added of [1, 3]) {
      const lengths = [7, 0, 130]
      const found = await attend(lengths, added, 256)
      for (const [index, length] of lengths.entries())
        expect(worst(found[index]!, byFormula(choice, length, added))).toBeLessThan(2e-6)
    }
  })

  test('is the same to the bit alone, beside others, and with more room in the cache', async () => {
    const lengths = [250, 3, 128, 77]
    const together = await attend(lengths, 1, 512)
    for (const [index, length] of lengths.entries())
      expect(await attend([length], 1, 256)).toEqual([together[index]])
  })
})
