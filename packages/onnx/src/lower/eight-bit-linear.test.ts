import { Linear, type StoredBytes } from '@hfquant/core/runtime'
import { runKernel } from '@hfquant/kernels'
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

test.each(['float32', 'bfloat16', 'float16'] as const)(
  'threads make the constants of %s weights as chunks have them',
  async (dtype) => {
    const [rows, columns] = [40_000, 64]
    const head = new Linear(columns, rows, dtype, { bias: false })
    const buffer = new SharedArrayBuffer(head.weight.byteLength)
    // Of every two bytes the upper one is small: nothing is infinite or NaN in any of the three.
    new Uint8Array(buffer).set(
      Uint8Array.from({ length: buffer.byteLength }, (_, i) => (i * 37 + (i >> 9)) % 96),
    )
    head.weight.storage = { kind: 'memory', dtype, buffer }
    const graph = createGraph('head')
    const context = { graph, compute: 'fast', memory: 'auto' } as const
    lowerInEightBits(head, 'head', graph.input('x', 'float32', ['S', columns]), context)
    for (const constant of graph.constants) {
      const chunks = await allBytes(constant.chunks())
      const made = Buffer.alloc(chunks.byteLength)
      const pieces = constant.pieces!()!
      for (const { kernel, params, inputs, output } of pieces) {
        const out = made.subarray(output.offset, output.offset + output.byteLength)
        runKernel(kernel, params, inputs.map(inMemoryBytes), [out])
      }
      expect(Buffer.compare(made, chunks)).toBe(0)
    }
    expect(graph.constants.map(({ pieces }) => pieces!()!.length > 1 || dtype !== 'float32')).not.toContain(
      false,
    )
  },
)

async function allBytes(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function inMemoryBytes(stored: StoredBytes): Uint8Array {
  if (!('buffer' in stored)) throw new TypeError('expected bytes in memory')
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
}
