import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GraphBuilder, GraphValue, LoweringInput, WeightInfo } from '@hfquant/core'
import { createGraph, writeArtifact } from '@hfquant/onnx'

/** The part of the runtime that a test needs; it is a dependency of @hfquant/onnx, and not of this package. */
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
const ofOnnx = createRequire(createRequire(import.meta.url).resolve('@hfquant/onnx'))
const { InferenceSession, Tensor } = ofOnnx('onnxruntime-node') as Runtime

/** A linear layer with its stored tensors, and what it is given: [tokens, inFeatures]. */
export interface LayerRun {
  readonly weight: WeightInfo
  readonly stored: (key: string) => Uint8Array
  readonly x: Float32Array
  readonly lower: (graph: GraphBuilder, layer: LoweringInput) => GraphValue | undefined
}

/** What ONNX Runtime makes of layers, in one graph: [tokens, outFeatures] each. */
export async function runLayers(layers: readonly LayerRun[]): Promise<readonly Float32Array[]> {
  const graph = createGraph('layers')
  for (const [at, { weight, stored, lower }] of layers.entries()) {
    const layer: LoweringInput = {
      weight: { ...weight, path: `layer${at}` },
      input: graph.input(`x${at}`, 'float32', [`tokens${at}`, weight.inFeatures]),
      memory: 'auto',
      component: () => {
        throw new Error('not expected here')
      },
      read: async (key) => stored(key),
    }
    graph.output(`y${at}`, lower(graph, layer)!, 'float32', [`tokens${at}`, weight.outFeatures])
  }
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-layers-'))
  try {
    const session = await InferenceSession.create(await writeArtifact(folder, graph), { logSeverityLevel: 3 })
    const feeds = layers.map(({ x, weight: { inFeatures } }, at) => [
      `x${at}`,
      new Tensor('float32', x, [x.length / inFeatures, inFeatures]),
    ])
    const found = await session.run(Object.fromEntries(feeds))
    await session.release()
    return layers.map((_, at) => found[`y${at}`]!.data)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
