import { describe, expect, test } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { constant, floatBytes, runGraph } from '../testing/run-graph.fixture.js'
import { createKeyValuePool } from './key-value-pool.js'

/** Behaviour of the runtime that the lowering relies on, and that would fail silently after an upgrade. */

const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return seed / 2 ** 32 - 0.5
}

const numbers = (count: number, seed: number): number[] => {
  const next = random(seed)
  return Array.from({ length: count }, next)
}

const largestDifference = (found: Float32Array, wanted: readonly number[]): number =>
  wanted.reduce((most, value, index) => Math.max(most, Math.abs(value - found[index]!)), 0)

describe('MatMulNBits', () => {
  const [N, K, block] = [5, 48, 16]
  const blocks = K / block
  const codes = Array.from({ length: N * K }, (_, index) => (index * 7 + (index >> 3)) % 16)
  const scales = numbers(N * blocks, 3).map((value) => value + 1)
  const x = numbers(2 * K, 4)

  test('4 bits with zero points of 0 and 15, and an odd number of blocks in a row', async () => {
    const zeros = Array.from({ length: N * blocks }, (_, index) => [0, 15, 7][index % 3]!)
    const packed = Uint8Array.from(
      { length: (N * K) / 2 },
      (_, index) => codes[2 * index]! | (codes[2 * index + 1]! << 4),
    )
    const packedZeros = Uint8Array.from({ length: N * 2 }, (_, index) => {
      const [row, byte] = [index >> 1, index & 1]
      return zeros[row * blocks + 2 * byte]! | ((byte === 0 ? zeros[row * blocks + 1]! : 0) << 4)
    })
    const graph = createGraph('nbits')
    const input = graph.input('x', 'float32', [2, K])
    const inputs = [
      input,
      graph.constant(constant('codes', 'uint8', [N, blocks, block / 2], packed)),
      graph.constant(constant('scales', 'float32', [N, blocks], floatBytes(scales))),
      graph.constant(constant('zeros', 'uint8', [N, 2], packedZeros)),
    ]
    const attributes = { K: { int: K }, N: { int: N }, bits: { int: 4 }, block_size: { int: block } }
    graph.output('y', graph.node('MatMulNBits', inputs, { domain: 'com.microsoft', attributes }), 'float32', [
      2,
      N,
    ])
    const [result] = await runGraph(graph, { x: ['float32', x, [2, K]] })
    const wanted = Array.from({ length: 2 * N }, (_, index) => {
      const [row, n] = [Math.floor(index / N), index % N]
      let sum = 0
      for (let k = 0; k < K; k++) {
        const group = n * blocks + Math.floor(k / block)
        sum += x[row * K + k]! * (codes[n * K + k]! - zeros[group]!) * scales[group]!
      }
      return sum
    })
    expect(largestDifference(result!.y!, wanted)).toBeLessThan(1e-4)
  })

  test('8 bits over the whole range do not saturate', async () => {
    const full = Uint8Array.from({ length: N * K }, (_, index) => (index % 2 === 0 ? 255 : 0))
    const graph = createGraph('saturation')
    const input = graph.input('x', 'float32', [1, K])
    const inputs = [
      input,
      graph.constant(constant('codes', 'uint8', [N, blocks, block], full)),
      graph.constant(constant('scales', 'float32', [N, blocks], floatBytes(Array(N * blocks).fill(1)))),
    ]
    const attributes = {
      K: { int: K },
      N: { int: N },
      bits: { int: 8 },
      block_size: { int: block },
      accuracy_level: { int: 4 },
    }
    graph.output('y', graph.node('MatMulNBits', inputs, { domain: 'com.microsoft', attributes }), 'float32', [
      1,
      N,
    ])
    const alternating = Array.from({ length: K }, (_, index) => (index % 2 === 0 ? 1 : -1))
    const [result] = await runGraph(graph, { x: ['float32', alternating, [1, K]] })
    const exact = (K / 2) * (127 + 128)
    for (const value of result!.y!) expect(Math.abs(value - exact) / exact).toBeLessThan(0.01)
  })
})

describe('GroupQueryAttention over a cache that JavaScript owns', () => {
  const [heads, kvHeads, size] = [4, 2, 8]
  const layer = { layers: [{ kind: 'kv', heads: kvHeads, headSize: size } as const] }

  function attentionGraph() {
    const graph = createGraph('attention')
    const query = graph.input('query', 'float32', [1, 'S', heads * size])
    const key = graph.input('key', 'float32', [1, 'S', kvHeads * size])
    const value = graph.input('value', 'float32', [1, 'S', kvHeads * size])
    const pastKey = graph.input('past_key', 'float32', [1, kvHeads, 'P', size])
    const pastValue = graph.input('past_value', 'float32', [1, kvHeads, 'P', size])
    const last = graph.input('last', 'int32', [1])
    const total = graph.input('total', 'int32', [])
    const attributes = { num_heads: { int: heads }, kv_num_heads: { int: kvHeads } }
    const inputs = [query, key, value, pastKey, pastValue, last, total]
    const [attended] = graph.nodes('GroupQueryAttention', inputs, 3, { domain: 'com.microsoft', attributes })
    graph.output('y', attended!, 'float32', [1, 'S', heads * size])
    return graph
  }

  /** softmax(q·kᵀ / √d)·v over the keys up to each query, in double precision. */
  function reference(
    q: readonly number[],
    k: readonly number[],
    v: readonly number[],
    count: number,
  ): number[] {
    const out: number[] = []
    for (let row = 0; row < count; row++) {
      for (let head = 0; head < heads; head++) {
        const kv = Math.floor(head / (heads / kvHeads))
        const at = (array: readonly number[], position: number, width: number, index: number, d: number) =>
          array[(position * width + index) * size + d]!
        const scores = Array.from({ length: row + 1 }, (_, position) => {
          let dot = 0
          for (let d = 0; d < size; d++) dot += at(q, row, heads, head, d) * at(k, position, kvHeads, kv, d)
          return Math.exp(dot / Math.sqrt(size))
        })
        const sum = scores.reduce((total, score) => total + score, 0)
        for (let d = 0; d < size; d++) {
          out.push(
            scores.reduce((acc, score, position) => acc + (score / sum) * at(v, position, kvHeads, kv, d), 0),
          )
        }
      }
    }
    return out
  }

  test.each([
    ['a prompt at once', [9]],
    ['a prompt and then token after token', [5, 1, 1, 1, 1]],
    ['a prompt in parts', [4, 3, 2]],
  ])('%s gives what attention over everything gives', async (_name, parts) => {
    const count = 9
    const [q, k, v] = [
      numbers(count * heads * size, 1),
      numbers(count * kvHeads * size, 2),
      numbers(count * kvHeads * size, 3),
    ]
    const pool = createKeyValuePool(layer, 16)
    pool.grow(1)
    const found: number[] = []
    let first = 0
    for (const part of parts) {
      const rows = (array: readonly number[], width: number) =>
        array.slice(first * width, (first + part) * width)
      const past = [1, kvHeads, pool.capacity, size]
      const [newKey, newValue] = [rows(k, kvHeads * size), rows(v, kvHeads * size)]
      const [result] = await runGraph(attentionGraph(), {
        query: ['float32', rows(q, heads * size), [1, part, heads * size]],
        key: ['float32', newKey, [1, part, kvHeads * size]],
        value: ['float32', newValue, [1, part, kvHeads * size]],
        past_key: ['float32', [...pool.read(0, 0, 1).keys], past],
        past_value: ['float32', [...pool.read(0, 0, 1).values], past],
        last: ['int32', [first + part - 1], [1]],
        total: ['int32', [first + part], []],
      })
      const [keys, values] = [Float32Array.from(newKey), Float32Array.from(newValue)]
      pool.write(0, 0, first, { count: part, keys, values })
      first += part
      found.push(...result!.y!)
    }
    expect(largestDifference(Float32Array.from(found), reference(q, k, v, count))).toBeLessThan(1e-5)
  })
})
