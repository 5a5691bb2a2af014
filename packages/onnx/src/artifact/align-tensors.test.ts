import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, expect, test } from 'vitest'
import { createGraph, type Graph } from '../graph/graph.js'
import { decodeModel } from '../graph/onnx-schema.js'
import { constant, floatBytes } from '../testing/run-graph.fixture.js'
import { compileArtifact } from './compile-artifact.js'
import { writeArtifact } from './write-artifact.js'

const root = mkdtempSync(join(tmpdir(), 'hfquant-align-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const [SIZE, BLOCK] = [96, 32]

/** Six products in a row whose packed weights have odd sizes, so that each begins where the one before happened to end. */
function manyProducts(): Graph {
  const graph = createGraph('products')
  const x = graph.input('x', 'float32', ['N', SIZE])
  const blocks = SIZE / BLOCK
  const attributes = {
    K: { int: SIZE },
    N: { int: SIZE },
    bits: { int: 4 },
    block_size: { int: BLOCK },
    accuracy_level: { int: 4 },
  }
  let value = x
  for (let layer = 0; layer < 6; layer++) {
    const codes = Uint8Array.from({ length: (SIZE * SIZE) / 2 }, (_, index) => (index * 73 + layer) & 255)
    const scales = floatBytes(
      Array.from({ length: SIZE * blocks }, (_, index) => 0.01 + ((index + layer) % 17) / 1000),
    )
    const inputs = [
      value,
      graph.constant(constant(`codes.${layer}`, 'uint8', [SIZE, blocks, BLOCK / 2], codes)),
      graph.constant(constant(`scales.${layer}`, 'float32', [SIZE, blocks], scales)),
    ]
    value = graph.node('MatMulNBits', inputs, { domain: 'com.microsoft', attributes })
    const dense = floatBytes(
      Array.from({ length: SIZE * SIZE }, (_, index) => ((index * 37 + layer) % 101) / 5000 - 0.01),
    )
    value = graph.node('MatMul', [
      value,
      graph.constant(constant(`dense.${layer}`, 'float32', [SIZE, SIZE], dense)),
    ])
  }
  graph.output('y', value, 'float32', ['N', SIZE])
  return graph
}

async function compute(modelPath: string): Promise<number[]> {
  const session = await InferenceSession.create(modelPath, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  const x = Float32Array.from({ length: 2 * SIZE }, (_, index) => Math.sin(index))
  const { y } = await session.run({ x: new Tensor('float32', x, [2, SIZE]) })
  await session.release()
  return [...(y!.data as Float32Array)]
}

test('packed weights begin where kernels expect them, and give the same bits as weights that are packed on opening', async () => {
  const graph = manyProducts()
  const description = { model: 'products', source: root, method: null, notes: null }
  const { modelPath } = await compileArtifact(root, graph, { key: 'products', description, threads: 1 })
  const { graph: stored } = await decodeModel(readFileSync(modelPath))
  const { initializer } = stored!
  const entries = initializer.flatMap(({ external_data }) => external_data)
  const packed = entries.filter(({ key }) => key.startsWith('prepacked'))
  const offsets = [
    ...entries.filter(({ key }) => key === 'offset').map(({ value }) => Number(value)),
    ...packed.flatMap(({ value }) => value.split('|').slice(1)).map((blob) => Number(blob.split(';')[0])),
  ]
  expect(packed).toHaveLength(12)
  expect(offsets.filter((offset) => offset % 64 !== 0)).toEqual([])
  expect(await compute(modelPath)).toEqual(await compute(await writeArtifact(root, graph)))
})
