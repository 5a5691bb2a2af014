import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dtype, GraphValue, QuantizedModule } from '@hfquant/core/runtime'
import { type Compute, createGraph, type Graph, lower, writeArtifact } from '@hfquant/onnx'
import * as ort from 'onnxruntime-node'

export interface RunOptions {
  readonly compute?: Compute
  readonly memory?: 'auto' | 'low'
}

interface Recorded {
  readonly operator: string
  readonly inputs: readonly (GraphValue | undefined)[]
  readonly output: GraphValue
}

/** A value inside of the graph that is to be seen as well. */
export interface Probe {
  readonly name: string
  readonly dtype: Dtype
  find(nodes: readonly Recorded[]): GraphValue
}

export interface LinearRun {
  readonly output: Float32Array
  readonly shape: readonly number[]
  /** Operators of the graph, in order. */
  readonly operators: readonly string[]
  readonly probes: ReadonlyMap<string, ArrayLike<number>>
}

/** y = x·Wᵀ by the runtime: input [..., inFeatures] -> [..., outFeatures]. */
export async function runLinear(
  module: QuantizedModule,
  input: Float32Array,
  shape: readonly number[],
  { compute = 'fast', memory = 'auto' }: RunOptions = {},
  probes: readonly Probe[] = [],
): Promise<LinearRun> {
  const { path, inFeatures, outFeatures } = module.info
  const graph = createGraph('linear')
  const nodes: Recorded[] = []
  const node: Graph['node'] = (operator, inputs, options) => {
    const output = graph.node(operator, inputs, options)
    nodes.push({ operator, inputs, output })
    return output
  }
  const recording: Graph = Object.create(graph, { node: { value: node } })
  const leading = shape.slice(0, -1).map((_, axis) => `d${axis}`)
  const x = graph.input('x', 'float32', [...leading, inFeatures])
  const y = lower(module, path, x, { graph: recording, compute, memory })
  graph.output('y', y, 'float32', [...leading, outFeatures])
  for (const { name, dtype, find } of probes) graph.output(name, find(nodes), dtype, ['rows', 'columns'])
  const found = await run(graph, new ort.Tensor('float32', input, shape))
  return {
    output: Float32Array.from(found.y!.data as Float32Array),
    shape: found.y!.dims,
    operators: nodes.map(({ operator }) => operator),
    probes: new Map(probes.map(({ name }) => [name, found[name]!.data as Float32Array])),
  }
}

async function run(graph: Graph, x: ort.Tensor): Promise<ort.InferenceSession.OnnxValueMapType> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-bnb-graph-'))
  try {
    const session = await ort.InferenceSession.create(await writeArtifact(folder, graph))
    const result = await session.run({ x })
    await session.release()
    return result
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same in double precision. `weight` [outFeatures, inFeatures] row by row. */
export function multiply(input: Float32Array, weight: Float32Array, inFeatures: number): Float64Array {
  const outFeatures = weight.length / inFeatures
  const rows = input.length / inFeatures
  return Float64Array.from({ length: rows * outFeatures }, (_, i) => {
    const [row, out] = [Math.floor(i / outFeatures), i % outFeatures]
    let sum = 0
    for (let k = 0; k < inFeatures; k++) sum += input[row * inFeatures + k]! * weight[out * inFeatures + k]!
    return sum
  })
}

/** Root mean square of the difference, relative to that of `wanted`. */
export function relativeDistance(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let [difference, size] = [0, 0]
  for (let i = 0; i < wanted.length; i++) {
    difference += (found[i]! - wanted[i]!) ** 2
    size += wanted[i]! ** 2
  }
  return Math.sqrt(difference / size)
}
