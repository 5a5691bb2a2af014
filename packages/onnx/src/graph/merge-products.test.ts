import { describe, expect, test } from 'vitest'
import { constant, floatBytes, runGraph } from '../testing/run-graph.fixture.js'
import { createGraph, type Graph } from './graph.js'

const [K, BLOCK] = [64, 32]
const WIDTHS = [48, 16, 16]
const x = Array.from({ length: 3 * K }, (_, index) => Math.sin(index * 1.7) * 3)

const bytes = (count: number, seed: number) =>
  Uint8Array.from({ length: count }, (_, index) => (index * 31 + seed * 17 + (index >> 3)) & 255)
const floats = (count: number, seed: number) =>
  floatBytes(Array.from({ length: count }, (_, index) => Math.cos(index + seed) + 1.5))

/** Products of 4-bit weights, each with a bias. */
function fourBitGraph(blockSizes: readonly number[] = [BLOCK, BLOCK, BLOCK]): Graph {
  const graph = createGraph('four bits')
  const input = graph.input('x', 'float32', ['S', K])
  for (const [index, N] of WIDTHS.entries()) {
    const blockSize = blockSizes[index]!
    const blocks = K / blockSize
    const product = graph.node(
      'MatMulNBits',
      [
        input,
        graph.constant(
          constant(`codes${index}`, 'uint8', [N, blocks, blockSize / 2], bytes((N * K) / 2, index)),
        ),
        graph.constant(constant(`scales${index}`, 'float32', [N, blocks], floats(N * blocks, index))),
      ],
      {
        domain: 'com.microsoft',
        attributes: { K: { int: K }, N: { int: N }, bits: { int: 4 }, block_size: { int: blockSize } },
      },
    )
    const bias = graph.constant(constant(`bias${index}`, 'float32', [N], floats(N, 9)))
    graph.output(`y${index}`, graph.node('Add', [product, bias]), 'float32', ['S', N])
  }
  return graph
}

/** Integer products with a scale for each token and for each row, as int8 backends make them. */
function integerGraph(): Graph {
  const graph = createGraph('integers')
  const input = graph.input('x', 'float32', ['S', K])
  const zero = graph.literal('uint8', [], [128])
  const limit = graph.node('ReduceMax', [graph.node('Abs', [input]), graph.literal('int64', [1], [-1])])
  const scale = graph.node('Div', [limit, graph.literal('float32', [], [127])])
  const shifted = graph.node('Add', [
    graph.node('Round', [graph.node('Div', [input, scale])]),
    graph.literal('float32', [], [128]),
  ])
  const codes = graph.node('Cast', [shifted], { attributes: { to: { int: 2 } } })
  for (const [index, N] of WIDTHS.entries()) {
    const weight = graph.constant(constant(`codes${index}`, 'uint8', [K, N], bytes(K * N, index)))
    const product = graph.node('MatMulInteger', [codes, weight, zero, zero])
    const scaled = graph.node('Mul', [
      graph.node('Cast', [product], { attributes: { to: { int: 1 } } }),
      scale,
    ])
    const rows = graph.constant(constant(`scales${index}`, 'float32', [N], floats(N, index)))
    graph.output(`y${index}`, graph.node('Mul', [scaled, rows]), 'float32', ['S', N])
  }
  return graph
}

const modelOf = (graph: Graph) => {
  const nowhere = graph.constants.map(({ name }) => [name, { offset: 0, byteLength: 0 }] as const)
  return graph.toModel('', new Map(nowhere)) as { graph: { node: { op_type: string }[] } }
}
const operators = (graph: Graph): string[] => modelOf(graph).graph.node.map(({ op_type }) => op_type)
const count = (graph: Graph, operator: string): number =>
  operators(graph).filter((name) => name === operator).length

describe('products of one input are merged', () => {
  test.each([
    ['4-bit weights with what is added to them', fourBitGraph, 'MatMulNBits', 'Add'],
    ['integers with their scales', integerGraph, 'MatMulInteger', 'Mul'],
  ])('%s: one of each operator, and the same results to the bit', async (_name, make, product, follower) => {
    const merged = make().merged()
    expect(count(merged, product)).toBe(1)
    expect(count(merged, 'Split')).toBe(1)
    expect(count(merged, follower)).toBeLessThan(count(make(), follower))
    expect(merged.constants.map(({ name }) => name)).toContain('codes0+codes1+codes2')
    const feeds = { x: ['float32', x, [3, K]] as const }
    const [[found], [wanted]] = [await runGraph(merged, feeds), await runGraph(make(), feeds)]
    for (const index of WIDTHS.keys()) expect(found![`y${index}`]).toEqual(wanted![`y${index}`])
  })

  test('those with other block sizes stay apart', () => {
    const merged = fourBitGraph([16, BLOCK, BLOCK]).merged()
    expect(count(merged, 'MatMulNBits')).toBe(2)
    expect(merged.constants.map(({ name }) => name)).toContain('codes0')
  })

  test('a graph without such products stays as it is', () => {
    const graph = createGraph('sum')
    const input = graph.input('x', 'float32', ['N'])
    graph.output('y', graph.node('Add', [input, input]), 'float32', ['N'])
    expect(modelOf(graph.merged())).toEqual(modelOf(graph))
  })

  test('readers that differ keep their own nodes', () => {
    const graph = createGraph('gate and up')
    const input = graph.input('x', 'float32', ['S', K])
    const [gate, up] = [0, 1].map((index) =>
      graph.node('MatMulInteger', [
        graph.node('Cast', [input], { attributes: { to: { int: 2 } } }),
        graph.constant(constant(`codes${index}`, 'uint8', [K, 16], bytes(K * 16, index))),
      ]),
    ) as [{ id: string }, { id: string }]
    graph.output('y', graph.node('Mul', [gate, up]), 'int32', ['S', 16])
    const merged = graph.merged()
    expect(operators(merged)).toEqual(['Cast', 'MatMulInteger', 'Split', 'Mul'])
  })
})
