import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConstantTensor, Dtype } from '@hfquant/core'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { writeArtifact } from '../artifact/write-artifact.js'
import type { Graph } from '../graph/graph.js'

type Feeds = Readonly<
  Record<
    string,
    readonly [type: 'float32' | 'int64' | 'int32', values: readonly number[], shape: readonly number[]]
  >
>

/** Writes a graph as a model would be, opens it, and runs it once per set of inputs. */
export async function runGraph(
  graph: Graph,
  ...inputs: readonly Feeds[]
): Promise<Record<string, Float32Array>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-graph-'))
  try {
    const session = await InferenceSession.create(await writeArtifact(folder, graph), { logSeverityLevel: 3 })
    const results: Record<string, Float32Array>[] = []
    for (const feeds of inputs) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, feed]) => [name, toTensor(...feed)]),
      )
      const outputs = await session.run(tensors)
      results.push(
        Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array])),
      )
    }
    await session.release()
    return results
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const constant = (
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  bytes: Uint8Array,
): ConstantTensor => ({
  name,
  dtype,
  shape,
  async *chunks() {
    yield bytes
  },
})

export const floatBytes = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer)

function toTensor(type: Feeds[string][0], values: readonly number[], shape: readonly number[]): Tensor {
  if (type === 'int64') return new Tensor('int64', BigInt64Array.from(values, BigInt), [...shape])
  const data = type === 'int32' ? Int32Array.from(values) : Float32Array.from(values)
  return new Tensor(type, data, [...shape])
}
