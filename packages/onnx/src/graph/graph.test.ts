import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { constant, floatBytes, runGraph } from '../testing/run-graph.fixture.js'
import { createGraph, type Graph } from './graph.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-artifact-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a graph', () => {
  test('computes what its nodes say, with constants from the weights file', async () => {
    const graph = createGraph('sum')
    const x = graph.input('x', 'float32', ['N', 2])
    const bias = graph.constant(constant('bias', 'float32', [2], floatBytes([10, 20])))
    graph.output(
      'y',
      graph.node('Add', [graph.node('Mul', [x, graph.literal('float32', [], [2])]), bias]),
      'float32',
      ['N', 2],
    )
    const [result] = await runGraph(graph, { x: ['float32', [1, 2, 3, 4], [2, 2]] })
    expect([...result!.y!]).toEqual([12, 24, 16, 28])
  })

  test('adds the same node once, so that layers share what they derive from one input', () => {
    const graph = createGraph('shared')
    const x = graph.input('x', 'float32', ['N'])
    const sum = graph.node('ReduceSum', [x], { attributes: { keepdims: { int: 1 } } })
    expect(graph.node('ReduceSum', [x], { attributes: { keepdims: { int: 1 } } })).toBe(sum)
    expect(graph.node('ReduceSum', [x], { attributes: { keepdims: { int: 0 } } })).not.toBe(sum)
    expect(graph.node('ReduceSum', [sum], { attributes: { keepdims: { int: 1 } } })).not.toBe(sum)
  })

  test('gives values the names of its outputs, whatever else reads them', async () => {
    const graph = createGraph('outputs')
    const x = graph.input('x', 'float32', ['N'])
    const double = graph.node('Add', [x, x])
    graph.output('same', x, 'float32', ['N'])
    graph.output('double', double, 'float32', ['N'])
    graph.output('again', double, 'float32', ['N'])
    graph.output('quadruple', graph.node('Add', [double, double]), 'float32', ['N'])
    const [result] = await runGraph(graph, { x: ['float32', [1, 2], [2]] })
    const values = Object.entries(result!).map(([name, output]) => [name, [...output]])
    expect(Object.fromEntries(values)).toEqual({
      same: [1, 2],
      double: [2, 4],
      again: [2, 4],
      quadruple: [4, 8],
    })
    const { graph: model } = graph.toModel('', new Map()) as { graph: { node: { op_type: string }[] } }
    expect(model.node.filter(({ op_type }) => op_type === 'Identity')).toHaveLength(2)
  })

  test('leaves out what nobody reads', () => {
    const graph = createGraph('unread')
    const x = graph.input('x', 'float32', ['N'])
    graph.node('Neg', [graph.node('Abs', [x])])
    graph.output('y', graph.node('Add', [x, x]), 'float32', ['N'])
    const { graph: model } = graph.toModel('', new Map()) as { graph: { node: { op_type: string }[] } }
    expect(model.node.map(({ op_type }) => op_type)).toEqual(['Add'])
  })

  test('keeps literals of equal values and different shapes apart', async () => {
    const graph = createGraph('literals')
    const x = graph.input('x', 'float32', [2, 1])
    const row = graph.literal('float32', [1, 2], [1, 2])
    const column = graph.literal('float32', [2, 1], [1, 2])
    graph.output('row', graph.node('Add', [x, row]), 'float32', [2, 2])
    graph.output('column', graph.node('Add', [x, column]), 'float32', [2, 1])
    const [result] = await runGraph(graph, { x: ['float32', [0, 10], [2, 1]] })
    expect([...result!.row!]).toEqual([1, 2, 11, 12])
    expect([...result!.column!]).toEqual([1, 12])
  })

  describe('with a branch', () => {
    const branched = () => {
      const graph = createGraph('branch')
      const x = graph.input('x', 'float32', ['N', 2])
      const condition = graph.node('Greater', [
        graph.input('wanted', 'int64', []),
        graph.literal('int64', [], [0]),
      ])
      const bias = graph.constant(constant('bias', 'float32', [2], floatBytes([10, 20])))
      const doubled = graph.node('Add', [x, x])
      const made = graph.branch(condition, x, () => graph.node('Mul', [graph.node('Add', [x, x]), bias]))
      graph.output('y', graph.node('Neg', [made]), 'float32', ['N', 2])
      return { graph, doubled, made }
    }
    const run = async (graph: Graph, isWanted: boolean) => {
      const feeds = { x: ['float32', [1, 2], [1, 2]], wanted: ['int64', [isWanted ? 1 : 0], []] } as const
      const [result] = await runGraph(graph, feeds)
      return [...result!.y!]
    }

    test('computes it where the condition holds, and gives the other value elsewhere', async () => {
      expect(await run(branched().graph, true)).toEqual([-20, -80])
      expect(await run(branched().graph, false)).toEqual([-1, -2])
    })

    test('keeps its nodes out of the rest, which they may read', () => {
      const { graph, made } = branched()
      const { graph: model } = graph.toModel('', new Map([['bias', { offset: 0, byteLength: 8 }]])) as {
        graph: { node: { op_type: string }[] }
      }
      expect(model.node.map(({ op_type }) => op_type)).toEqual(['Greater', 'Add', 'If', 'Neg'])
      expect(graph.isInBranch(made)).toBe(false)
    })

    test('takes it for granted in a part that is cut out', async () => {
      const { graph, made } = branched()
      const part = graph.cut('part', [], [made])
      part.output('y', made, 'float32', ['N', 2])
      const [result] = await runGraph(part, { x: ['float32', [1, 2], [1, 2]] })
      expect([...result!.y!]).toEqual([20, 80])
    })

    test('computes either of two bodies, each from what it adds and what is outside', async () => {
      const graph = createGraph('either')
      const x = graph.input('x', 'float32', ['N', 2])
      const condition = graph.node('Greater', [
        graph.input('wanted', 'int64', []),
        graph.literal('int64', [], [0]),
      ])
      const either = graph.branch(
        condition,
        () => graph.node('Neg', [graph.node('Mul', [x, x])]),
        () => graph.node('Add', [graph.node('Mul', [x, x]), x]),
      )
      graph.output('y', either, 'float32', ['N', 2])
      const results = await runGraph(
        graph,
        ...[1, 0].map((wanted) => ({
          x: ['float32', [2, 3], [1, 2]] as const,
          wanted: ['int64', [wanted], []] as const,
        })),
      )
      expect(results.map(({ y }) => [...y!])).toEqual([
        [6, 12],
        [-4, -9],
      ])
      const part = graph.cut('part', [], [either])
      part.output('y', either, 'float32', ['N', 2])
      expect(part.inputs.map(({ name }) => name)).toEqual(['x'])
    })

    test('leaves out what follows from constants alone', () => {
      const graph = createGraph('fixed')
      const x = graph.input('x', 'float32', ['N', 2])
      const two = graph.literal('float32', [1, 2], [2, 2])
      const shape = graph.literal('int64', [1], [-1])
      const made = graph.branch(graph.input('condition', 'bool', []), x, () =>
        graph.node('Mul', [x, graph.node('Reshape', [graph.node('Neg', [two]), shape])]),
      )
      graph.output('y', made, 'float32', ['N', 2])
      const { graph: model } = graph.toModel('', new Map()) as { graph: { node: { op_type: string }[] } }
      expect(model.node.map(({ op_type }) => op_type)).toEqual(['Neg', 'Reshape', 'If'])
    })

    test('reduces no rows to no rows, which the runtime by itself does not', async () => {
      const graph = createGraph('empty')
      const x = graph.input('x', 'float32', ['N', 4])
      const condition = graph.node('Greater', [
        graph.input('wanted', 'int64', []),
        graph.literal('int64', [], [0]),
      ])
      const axis = graph.literal('int64', [1], [-1])
      const made = graph.branch(condition, x, () =>
        graph.node('Div', [x, graph.node('ReduceMax', [x, axis])]),
      )
      graph.output('y', graph.node('Shape', [made]), 'int64', [2])
      const shapeOf = async (rows: number) => {
        const values = new Array(rows * 4).fill(2)
        const [result] = await runGraph(graph, {
          x: ['float32', values, [rows, 4]],
          wanted: ['int64', [1], []],
        })
        return [...result!.y!]
      }
      expect([await shapeOf(0), await shapeOf(3)]).toEqual([
        [0n, 4n],
        [3n, 4n],
      ])
    })
  })

  test('refuses a dtype that the runtime has no tensors of', () => {
    expect(() => createGraph('float8').input('x', 'float8_e4m3fn', [1])).toThrow(
      expect.objectContaining({ code: 'DTYPE_NOT_IN_GRAPH' }),
    )
  })
})

describe('writing an artifact', () => {
  test('refuses a constant whose bytes do not fill its shape', async () => {
    const graph = createGraph('short')
    const x = graph.input('x', 'float32', [3])
    graph.output(
      'y',
      graph.node('Add', [x, graph.constant(constant('bias', 'float32', [3], floatBytes([1, 2])))]),
      'float32',
      [3],
    )
    await expect(writeArtifact(folder, graph)).rejects.toMatchObject({
      code: 'CONSTANT_SIZE',
      tensor: 'bias',
      found: 8,
      expected: 12,
    })
  })

  test('names the folder that cannot be written', async () => {
    const missing = join(folder, 'missing')
    await expect(writeArtifact(missing, createGraph('empty'))).rejects.toMatchObject({
      name: 'OutputError',
      message: expect.stringContaining(missing),
    })
  })
})
