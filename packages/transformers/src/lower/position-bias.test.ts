import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cast, createGraph, createGraphThreads, type GraphTensor, writeArtifact } from '@hfquant/onnx'
import { afterAll, expect, test } from 'vitest'
import { positionBias } from './position-bias.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-bias-'))
const threads = createGraphThreads({ threads: 1 })
afterAll(async () => {
  await threads.close()
  rmSync(folder, { recursive: true, force: true })
})

const slopes = [0.5, 2 ** -8]

const graph = createGraph('bias')
const bias = positionBias(graph, {
  slopes,
  last: graph.input('last', 'int32', ['B']),
  total: graph.input('total', 'int32', []),
  newTokens: graph.input('tokens', 'int64', ['B', 'S']),
})
const shape = ['B', 2, 'S', 'T']
graph.output('bias', bias, 'float32', shape)
graph.output('half', cast(graph, cast(graph, bias, 'float16'), 'float32'), 'float32', shape)
const session = await threads.open(await writeArtifact(folder, graph))

/** Biases [B, heads, S, T] of sequences whose last tokens stand there, the last `count` of each new. */
async function biasesOf(name: 'bias' | 'half', lasts: readonly number[], count: number) {
  const int32 = (values: readonly number[], shape: readonly number[]): GraphTensor => ({
    ...{ dtype: 'int32', shape, data: Int32Array.from(values) },
  })
  const total = Math.max(...lasts) + 1
  const tokens = new BigInt64Array(lasts.length * count)
  const found = await session.run(
    {
      last: int32(lasts, [lasts.length]),
      total: int32([total], []),
      tokens: { dtype: 'int64', shape: [lasts.length, count], data: tokens },
    },
    [name],
  )
  const { data, shape } = found[name]!
  expect(shape).toEqual([lasts.length, slopes.length, count, total])
  return (sequence: number, head: number, query: number, key: number) =>
    Number(data[((sequence * slopes.length + head) * count + query) * total + key])
}

test('a bias is the slope of the head times the distance of the key, of each sequence from its own end', async () => {
  const at = await biasesOf('bias', [5, 2], 2)
  for (const [sequence, last] of [5, 2].entries()) {
    for (const [head, slope] of slopes.entries()) {
      for (const query of [0, 1]) {
        const position = last - 1 + query
        for (let key = 0; key <= position; key++) {
          expect(at(sequence, head, query, key)).toBe(slope * (key - position) + 0)
        }
      }
    }
  }
})

test('neighbouring keys differ by the whole slope in float16, however long the text is', async () => {
  for (const last of [3, 1500, 9000]) {
    const at = await biasesOf('half', [last], 1)
    for (const [head, slope] of slopes.entries()) {
      expect(at(0, head, 0, last) - at(0, head, 0, last - 1)).toBe(slope)
      expect(at(0, head, 0, last - 1) - at(0, head, 0, last - 2)).toBe(slope)
    }
  }
})
