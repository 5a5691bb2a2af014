import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Linear } from '@hfquant/core/runtime'
import { InferenceSession } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { createGraph, type Graph } from '../graph/graph.js'
import { constant, floatBytes, runGraph } from '../testing/run-graph.fixture.js'
import { lowerOfConstant } from './linear.js'

const [ROWS, IN, OUT] = [5, 8, 3]
const table = Array.from({ length: ROWS * IN }, (_, index) => Math.sin(index))
const weights = Array.from({ length: OUT * IN }, (_, index) => Math.cos(index))
const bias = [0.5, -1, 2]

/** Some rows of the table, projected. */
function lookedUp(): Graph {
  const layer = new Linear(IN, OUT, 'float32', { bias: true })
  for (const [parameter, values] of [
    [layer.weight, weights],
    [layer.bias!, bias],
  ] as const) {
    const buffer = new SharedArrayBuffer(4 * values.length)
    new Float32Array(buffer).set(values)
    parameter.storage = { kind: 'memory', dtype: 'float32', buffer }
  }
  const graph = createGraph('looked-up')
  const stored = graph.constant(constant('table', 'float32', [ROWS, IN], floatBytes(table)))
  const projected = lowerOfConstant(layer, 'layer', stored, { graph, compute: 'fast', memory: 'auto' })
  const rows = graph.input('rows', 'int64', ['N'])
  graph.output('y', graph.node('Gather', [projected, rows]), 'float32', ['N', OUT])
  return graph
}

async function optimizedModel(graph: Graph): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-optimized-'))
  try {
    const optimizedModelFilePath = join(folder, 'optimized.onnx')
    const settings = { optimizedModelFilePath, logSeverityLevel: 3 } as const
    const session = await InferenceSession.create(await writeArtifact(folder, graph), settings)
    await session.release()
    return await readFile(optimizedModelFilePath, 'latin1')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('products with a table are computed when a model is compiled, and looked up when it runs', async () => {
  const model = await optimizedModel(lookedUp())
  expect(model).toContain('Gather')
  expect(model).not.toContain('MatMul')
})

test('they are those of the layer', async () => {
  const [result] = await runGraph(lookedUp(), { rows: ['int64', [4, 0], [2]] })
  const expected = [4, 0].flatMap((row) =>
    bias.map((offset, out) =>
      weights
        .slice(out * IN, (out + 1) * IN)
        .reduce((sum, weight, k) => sum + weight * table[row * IN + k]!, offset),
    ),
  )
  for (const [index, value] of expected.entries()) expect(result!.y![index]).toBeCloseTo(value, 5)
})
