import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GraphValue, LoweringInput } from '@hfquant/core'
import { createGraph, type Graph, writeArtifact } from '@hfquant/onnx'
import { convert, type FloatWeight, type TorchAoBaseConfig } from '../index.js'
import { expectFormat } from './run-format.fixture.js'

/** The part of the runtime that a test needs. */
interface Runtime {
  readonly Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => object
  readonly InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{
      run(feeds: object): Promise<Record<string, { readonly data: Float32Array }>>
      release(): Promise<void>
    }>
  }
}

// The runtime is a dependency of @hfquant/onnx, and not of this package.
const ofOnnx = createRequire(createRequire(import.meta.url).resolve('@hfquant/onnx'))
const { InferenceSession, Tensor } = ofOnnx('onnxruntime-node') as Runtime

/**
 * y = x·Wᵀ on the fast path, by ONNX Runtime.
 *
 * @param x [tokens, inFeatures]
 * @returns [tokens, outFeatures]
 */
export async function multiply(
  config: TorchAoBaseConfig,
  weight: FloatWeight,
  x: Float32Array,
): Promise<Float32Array> {
  const { inFeatures, outFeatures } = weight
  const graph = createGraph('product')
  const input = graph.input('x', 'float32', ['batch', 'tokens', inFeatures])
  const { format, layer } = lowered(config, weight, 'linear', input)
  graph.output('y', format.lower!(graph, layer)!, 'float32', ['batch', 'tokens', outFeatures])
  return run(graph, new Tensor('float32', x, [1, x.length / inFeatures, inFeatures]))
}

/**
 * Rows of an embedding on the fast path, by ONNX Runtime.
 *
 * @returns [ids.length, inFeatures]
 */
export function lookUp(
  config: TorchAoBaseConfig,
  weight: FloatWeight,
  ids: readonly number[],
): Promise<Float32Array> {
  const graph = createGraph('embedding')
  const { format, layer } = lowered(config, weight, 'embedding', graph.input('x', 'int64', ['tokens']))
  graph.output('y', format.lowerEmbedding!(graph, layer)!, 'float32', ['tokens', weight.inFeatures])
  return run(graph, new Tensor('int64', BigInt64Array.from(ids, BigInt), [ids.length]))
}

function lowered(
  config: TorchAoBaseConfig,
  weight: FloatWeight,
  kind: 'linear' | 'embedding',
  input: GraphValue,
) {
  const { inFeatures, outFeatures } = weight
  const info = { path: 'fc', kind, outFeatures, inFeatures, dtype: 'float32' } as const
  const { tensors } = convert(weight, config)
  const layer: LoweringInput = {
    weight: info,
    input,
    memory: 'auto',
    component: () => {
      throw new Error('not expected here')
    },
    read: async (key) => tensors.get(key)!.bytes,
  }
  return { format: expectFormat(config.formatFor(info)), layer }
}

async function run(graph: Graph, x: object): Promise<Float32Array> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-product-'))
  try {
    const session = await InferenceSession.create(await writeArtifact(folder, graph), { logSeverityLevel: 3 })
    const outputs = await session.run({ x })
    await session.release()
    return outputs.y!.data
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
