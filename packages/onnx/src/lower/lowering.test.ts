import { type CapabilityError, Conv1D, Embedding, Linear, Module } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { createGraph, type Graph } from '../graph/graph.js'
import { lower } from './lowering.js'

function lowered(module: Module) {
  const graph = createGraph('part')
  const input = graph.input('x', module instanceof Embedding ? 'int64' : 'float32', ['N', 4])
  const seen: unknown[] = []
  const trace = {
    ...{ blockBegins: () => {}, blockContinues: () => {}, blocksEnd: () => {}, sideValue: () => {} },
    moduleLowered: (...call: unknown[]) => seen.push(call),
  }
  const output = lower(module, 'layers.0', input, { graph, compute: 'exact', memory: 'auto', trace })
  graph.output('y', output, 'float32', ['N', 2])
  return { seen, expected: [['layers.0', input, output]], operators: operatorsOf(graph) }
}

function operatorsOf(graph: Graph): readonly string[] {
  const locations = new Map(graph.constants.map(({ name }) => [name, { offset: 0, byteLength: 0 }]))
  const model = graph.toModel('weights', locations) as { graph: { node: { op_type: string }[] } }
  return model.graph.node.map(({ op_type }) => op_type)
}

class Gate extends Linear {}

describe('a module that maps one value to one value', () => {
  test.each<[string, Module, string[]]>([
    ['Linear', new Linear(4, 2, 'float32', { bias: true }), ['FusedMatMul', 'Add']],
    ['a class made of Linear', new Gate(4, 2, 'float32'), ['FusedMatMul']],
    ['Conv1D', new Conv1D(4, 2, 'float32'), ['MatMul', 'Add']],
    ['Embedding', new Embedding(9, 4, 'float16'), ['Gather', 'Cast']],
  ])('%s is computed, and the trace is told', (_, module, operators) => {
    const { seen, expected, operators: found } = lowered(module)
    expect(found).toEqual(operators)
    expect(seen).toEqual(expected)
  })
})

describe('a module that does not', () => {
  const failure = (module: Module): CapabilityError => {
    try {
      lowered(module)
    } catch (error) {
      return error as CapabilityError
    }
    throw new Error('it was lowered')
  }

  test('a module that computes nothing is refused by its path and class, with what can be computed', () => {
    expect(failure(new Module())).toMatchObject({
      code: 'NO_LOWERING',
      message: 'nothing says how to compute layers.0 (Module)',
      hint: expect.stringContaining('Linear, a Conv1D and an Embedding'),
    })
  })
})
