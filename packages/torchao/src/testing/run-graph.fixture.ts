import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGraph, writeArtifact } from '@hfquant/onnx'
import { convert, type FloatWeight, type TorchAoBaseConfig } from '../index.js'
import { expectFormat } from './run-format.fixture.js'

/** The part of the runtime that a test needs. */
interface Runtime {
  readonly Tensor: new (type: string, data: Float32Array, dims: readonly number[]) => object
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
  const info = { path: 'fc', kind: 'linear', outFeatures, inFeatures, dtype: 'float32' } as const
  const { tensors } = convert(weight, config)
  const graph = createGraph('product')
  const input = graph.input('x', 'float32', ['batch', 'tokens', inFeatures])
  const y = expectFormat(config.formatFor(info)).lower!(graph, {
    weight: info,
    input,
    memory: 'auto',
    component: () => {
      throw new Error('not expected here')
    },
    read: async (key) => tensors.get(key)!.bytes,
  })
  graph.output('y', y!, 'float32', ['batch', 'tokens', outFeatures])
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-product-'))
  try {
    const session = await InferenceSession.create(await writeArtifact(folder, graph), { logSeverityLevel: 3 })
    const outputs = await session.run({ x: new Tensor('float32', x, [1, x.length / inFeatures, inFeatures]) })
    await session.release()
    return outputs.y!.data
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
