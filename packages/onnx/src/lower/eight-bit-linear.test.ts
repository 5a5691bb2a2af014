import { Linear } from '@hfquant/core'
import { expect, test } from 'vitest'
import { createGraph } from '../graph/graph.js'
import { runGraph } from '../testing/run-graph.fixture.js'
import { lowerInEightBits } from './eight-bit-linear.js'

const [IN, OUT] = [192, 40]
const noise = (index: number) => Math.sin(index * 12.9898) * Math.cos(index * index * 78.233)
const weights = Float32Array.from({ length: IN * OUT }, (_, index) => noise(index) * (1 + (index % 7)))
const bias = Float32Array.from({ length: OUT }, (_, index) => index / 10)

function layer(inFeatures = IN): Linear {
  const linear = new Linear(inFeatures, OUT, 'float32', { bias: true })
  linear.weight.storage = inMemory(weights)
  linear.bias!.storage = inMemory(bias)
  return linear
}

function inMemory(values: Float32Array) {
  const buffer = new SharedArrayBuffer(values.byteLength)
  new Float32Array(buffer).set(values)
  return { kind: 'memory', dtype: 'float32', buffer } as const
}

test('a float weight in 8 bits: at most half a step of weights and activations is lost', async () => {
  const graph = createGraph('head')
  const context = { graph, compute: 'fast', memory: 'auto' } as const
  const input = graph.input('x', 'float32', ['S', IN])
  graph.output('y', lowerInEightBits(layer(), 'head', input, context)!, 'float32', ['S', OUT])
  const x = Array.from({ length: 2 * IN }, (_, index) => noise(index + 0.5))
  const [result] = await runGraph(graph, { x: ['float32', x, [2, IN]] })
  let [error, size] = [0, 0]
  for (let row = 0; row < 2; row++) {
    for (let out = 0; out < OUT; out++) {
      let exact = bias[out]!
      for (let k = 0; k < IN; k++) exact += x[row * IN + k]! * weights[out * IN + k]!
      error += (result!.y![row * OUT + out]! - exact) ** 2
      size += exact ** 2
    }
  }
  expect(Math.sqrt(error / size)).toBeLessThan(0.01)
})

test('rows that are no multiple of a block are left to others', () => {
  const graph = createGraph('head')
  const input = graph.input('x', 'float32', ['S', 100])
  const context = { graph, compute: 'fast', memory: 'auto' } as const
  expect(lowerInEightBits(layer(100), 'head', input, context)).toBeUndefined()
})
