import { describe, expect, test } from 'vitest'
import { constant, floatBytes, runGraph } from '../testing/run-graph.fixture.js'
import { createGraph, type Graph } from './graph.js'

const [PARTS, WIDTH] = [3, 4]
const floats = (count: number, seed: number) =>
  floatBytes(Array.from({ length: count }, (_, at) => Math.sin(at * 1.3 + seed)))

/** Rows that are split, scaled by their largest number, multiplied with a matrix of their part, and activated. */
function partsGraph(
  lastPart: (graph: Graph, rows: { id: string }) => { id: string } = (_, rows) => rows,
): Graph {
  const graph = createGraph('parts')
  const x = graph.input('x', 'float32', ['N', WIDTH])
  const sizes = graph.input('sizes', 'int64', [PARTS])
  const always = graph.node('Greater', [
    graph.node('Squeeze', [graph.node('ReduceSum', [sizes, graph.literal('int64', [1], [0])])]),
    graph.literal('int64', [], [0]),
  ])
  const axis = { attributes: { axis: { int: 0 } } }
  const part = (rows: { id: string }, index: number) => {
    const largest = graph.node('ReduceMax', [graph.node('Abs', [rows]), graph.literal('int64', [1], [-1])])
    const scaled = graph.node('Div', [rows, largest])
    const weight = graph.constant(
      constant(`w${index}`, 'float32', [WIDTH, 2 * WIDTH], floats(2 * WIDTH ** 2, index)),
    )
    const [gate, up] = graph.nodes(
      'Split',
      [graph.node('MatMul', [scaled, weight]), graph.literal('int64', [2], [WIDTH, WIDTH])],
      2,
      { attributes: { axis: { int: -1 } } },
    )
    const made = graph.node('Mul', [graph.node('Mul', [graph.node('Sigmoid', [gate!]), up!]), largest])
    return index === PARTS - 1 ? lastPart(graph, made) : made
  }
  const joined = graph.branch(always, x, () => {
    const split = graph.nodes('Split', [x, sizes], PARTS, axis)
    return graph.node('Concat', split.map(part), axis)
  })
  graph.output('y', joined, 'float32', ['N', WIDTH])
  return graph
}

/** How often each operator stands in the branch. */
function operators(graph: Graph): Readonly<Record<string, number>> {
  const nowhere = graph.constants.map(({ name }) => [name, { offset: 0, byteLength: 0 }] as const)
  const model = graph.toModel('', new Map(nowhere)) as {
    graph: { node: { op_type: string; attribute: { g?: { node: { op_type: string }[] } }[] }[] }
  }
  const counts: Record<string, number> = {}
  for (const { op_type, attribute } of model.graph.node) {
    if (op_type !== 'If') continue
    for (const node of attribute[0]!.g!.node) counts[node.op_type] = (counts[node.op_type] ?? 0) + 1
  }
  return counts
}

describe('rows of the parts of a branch', () => {
  test('are treated together but for the products of each part', () => {
    expect(operators(partsGraph())).toMatchObject({ Abs: 3, Div: 3, Sigmoid: 3, MatMul: 3, Mul: 6 })
    expect(operators(partsGraph().withJoinedRows())).toMatchObject({
      Abs: 1,
      Div: 1,
      Sigmoid: 1,
      MatMul: 3,
      Mul: 2,
    })
  })

  test.each([[[2, 0, 3]], [[0, 0, 1]], [[4, 4, 4]]])(
    'of sizes %j give the same numbers to the bit',
    async (sizes) => {
      const count = sizes.reduce((sum, size) => sum + size, 0)
      const x = Array.from({ length: count * WIDTH }, (_, at) => Math.cos(at * 1.7) * 3)
      const feeds = { x: ['float32', x, [count, WIDTH]], sizes: ['int64', sizes, [PARTS]] } as const
      const [[found], [wanted]] = [
        await runGraph(partsGraph().withJoinedRows(), feeds),
        await runGraph(partsGraph(), feeds),
      ]
      expect(found!.y).toEqual(wanted!.y)
      expect(found!.y).toHaveLength(count * WIDTH)
    },
  )

  test('stay as they are where one part is computed in another way', () => {
    const graph = partsGraph((own, rows) => own.node('Neg', [rows]))
    expect(operators(graph.withJoinedRows())).toEqual(operators(graph))
  })
})
