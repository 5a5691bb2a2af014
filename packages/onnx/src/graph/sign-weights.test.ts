import { describe, expect, test } from 'vitest'
import { multipliesMixedSigns } from '../processor.js'
import { constant, runGraph } from '../testing/run-graph.fixture.js'
import { createGraph, type Graph } from './graph.js'

const [K, N, TOKENS] = [96, 40, 7]
const [UINT8, INT32, BOOL] = [2, 6, 9]

/** [K, N], at most `reach` from 128. */
const codesWithin = (reach: number): Uint8Array =>
  Uint8Array.from({ length: K * N }, (_, index) => 128 - reach + ((index * 37 + (index >> 4)) % (2 * reach)))

function integerProduct(reach: number, zeroPoint = 128): Graph {
  const graph = createGraph('integers')
  const input = graph.input('x', 'float32', ['S', K])
  const codes = graph.node('Cast', [input], { attributes: { to: { int: UINT8 } } })
  const weight = graph.constant(constant('codes', 'uint8', [K, N], codesWithin(reach)))
  const zero = graph.literal('uint8', [], [zeroPoint])
  const product = graph.node('MatMulInteger', [codes, weight, graph.literal('uint8', [], [128]), zero])
  graph.output('y', product, 'int32', ['S', N])
  return graph
}

function exactSums(x: readonly number[], codes: Uint8Array): number[] {
  return Array.from({ length: TOKENS * N }, (_, index) => {
    const [token, n] = [Math.floor(index / N), index % N]
    let sum = 0
    for (let k = 0; k < K; k++) sum += (x[token * K + k]! - 128) * (codes[k * N + n]! - 128)
    return sum
  })
}

const tokens = (next: (index: number) => number) => Array.from({ length: TOKENS * K }, (_, i) => next(i))

async function sums(graph: Graph, x: readonly number[]) {
  const [result] = await runGraph(graph, { x: ['float32', x, [TOKENS, K]] })
  return [...result!.y!]
}

const weights = (graph: Graph) => graph.constants.map(({ name, dtype }) => [name, dtype])

describe('integer products with signed weights', () => {
  test('have the same sums', async () => {
    // Weights this small do not saturate on any processor.
    const graph = integerProduct(63)
    const signed = graph.withSignedWeights()
    expect(weights(signed)).toEqual([['codes.signed', 'int8']])
    const x = tokens((index) => (index * 53 + 11) % 256)
    expect(await sums(signed, x)).toEqual(await sums(graph, x))
  })

  test('are exact over the whole range on processors that are said to multiply mixed signs', async () => {
    const graph = integerProduct(128)
    const extremes = tokens((index) => (index % 5 === 0 ? 0 : 255))
    const chosen = multipliesMixedSigns() ? graph.withSignedWeights() : graph
    expect(await sums(chosen, extremes)).toEqual(exactSums(extremes, codesWithin(128)))
  })

  test('leave rows that are chosen of the weights as they were, and no weight twice', async () => {
    const graph = integerProduct(63)
    const wanted = graph.input('wanted', 'float32', [K])
    const isWanted = graph.node('Cast', [wanted], { attributes: { to: { int: BOOL } } })
    const rows = graph.node('Compress', [{ id: 'codes' }, isWanted], { attributes: { axis: { int: 0 } } })
    graph.output('rows', graph.node('Cast', [rows], { attributes: { to: { int: INT32 } } }), 'int32', [
      'W',
      N,
    ])
    const signed = graph.withSignedWeights()
    expect(weights(signed)).toEqual([['codes.signed', 'int8']])
    const feeds = {
      x: ['float32', tokens(() => 130), [TOKENS, K]] as const,
      wanted: ['float32', Array.from({ length: K }, (_, k) => Number(k % 7 === 3)), [K]] as const,
    }
    const [[before], [after]] = await Promise.all([runGraph(graph, feeds), runGraph(signed, feeds)])
    expect([...after!.rows!]).toEqual([...before!.rows!])
    expect(after!.rows![0]).toBe(codesWithin(63)[3 * N])
  })

  test('are left out where the weights have another zero point', () => {
    const graph = integerProduct(63, 120)
    expect(weights(graph.withSignedWeights())).toEqual([['codes', 'uint8']])
  })
})
