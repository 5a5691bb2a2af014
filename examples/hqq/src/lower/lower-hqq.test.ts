import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGraph, writeArtifact } from '@hfquant/onnx'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { dequantize, readCodes, readParameters } from '../format/stored-parts.js'
import { bytesOf, caseLayer } from '../testing/case-parts.fixture.js'
import { type Case, cases } from '../testing/golden.fixture.js'
import { lowerHqq } from './lower-hqq.js'
import type { AccuracyLevel } from './mat-mul-n-bits.js'

const channelWise = cases.filter(({ channel_wise }) => channel_wise)
const TOKENS = 5

describe.each(channelWise)('$name', (golden) => {
  test('multiplies as its dequantized weight does', async () => {
    const found = await multiplied(golden, 0)
    if (found === undefined) {
      // Groups of which no block size is a divisor, and parts of columns.
      expect(golden.name).toMatch(/_g40_ax1|_g\d+_ax0/)
      return
    }
    expect(found.largestError).toBeLessThan(4e-6)
  })
})

test('with activations in int8 the product is close', async () => {
  for (const name of ['a_w4_g64_ax1', 'a_w3_g64_ax1', 'a_w8_g64_ax1', 'b_w4_gnone_ax1', 'b_w4_gnone_ax0']) {
    const found = await multiplied(cases.find((known) => known.name === name)!, 4)
    expect(found!.largestError).toBeLessThan(0.03)
    expect(found!.largestError).toBeGreaterThan(1e-5)
  }
})

/** The product by the runtime and in double precision; undefined for what is not lowered. */
async function multiplied(golden: Case, level: AccuracyLevel) {
  const { weight, layout, tensors } = await caseLayer(golden)
  const { inFeatures, outFeatures } = weight
  const graph = createGraph('linear')
  const input = graph.input('x', 'float32', ['batch', 'tokens', inFeatures])
  const read = async (key: string) => tensors.get(key)!.bytes
  const component = (): never => {
    throw new Error('constants are derived, not taken as they are')
  }
  const y = lowerHqq(graph, { weight, input, memory: 'auto', read, component }, layout, level)
  if (y === undefined) return undefined
  graph.output('y', y, 'float32', ['batch', 'tokens', outFeatures])

  const x = Float32Array.from({ length: TOKENS * inFeatures }, (_, i) => Math.sin(i * 12.9898) * 2)
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-hqq-graph-'))
  try {
    const session = await ort.InferenceSession.create(await writeArtifact(folder, graph))
    const result = await session.run({ x: new ort.Tensor('float32', x, [1, TOKENS, inFeatures]) })
    const found = Float32Array.from(result.y!.data as Float32Array)
    await session.release()

    const codes = new Uint8Array(outFeatures * inFeatures)
    readCodes(tensors.get('W_q')!.bytes, layout, 0, codes)
    const values = new Float32Array(codes.length)
    dequantize(codes, readParameters(bytesOf(tensors), layout), layout, 0, values)
    const wanted = multiply(x, values, inFeatures)
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const difference = found.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0)
    return { largestError: difference / largest }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** x [tokens, K] · Wᵀ, W [N, K], in double precision. */
function multiply(x: Float32Array, weight: Float32Array, columns: number): Float64Array {
  const rows = weight.length / columns
  return Float64Array.from({ length: TOKENS * rows }, (_, index) => {
    const [token, row] = [Math.floor(index / rows), index % rows]
    let sum = 0
    for (let k = 0; k < columns; k++) sum += x[token * columns + k]! * weight[row * columns + k]!
    return sum
  })
}
