import type { ConstantPiece, LoweringInput } from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { createGraph } from '@hfquant/onnx'
import { afterAll, expect, test } from 'vitest'
import type { GroupedCodes } from '../tensors/grouped-codes.js'
import type { Int8Activations } from '../tensors/int8-activations.js'
import { lowerDynamicInt8 } from './dynamic-int8.js'

const pool = createKernelPool({ workers: 1 })
afterAll(() => pool.dispose())

const COLUMNS = 24

/** x·Wᵀ for a weight of codes that differ from row to row. */
function product(graph: ReturnType<typeof createGraph>, path: string, rows: number) {
  const stored = new Uint8Array(new SharedArrayBuffer(rows * COLUMNS + 8), 8)
  for (const index of stored.keys()) stored[index] = (index * 37 + rows) & 255
  const layer: LoweringInput = {
    weight: { path, kind: 'linear', outFeatures: rows, inFeatures: COLUMNS, dtype: 'float32' },
    input: graph.input('x', 'float32', ['N', COLUMNS]),
    memory: 'auto',
    component: () => {
      throw new Error('not expected here')
    },
    read: async () => stored,
    source: () => ({ buffer: stored.buffer as SharedArrayBuffer, byteOffset: 8, byteLength: stored.length }),
  }
  const codes: GroupedCodes = {
    ...{ inFeatures: COLUMNS, groupSize: COLUMNS, shared: false, bits: 8 },
    ...{ scaleDtype: 'float32', zeroPoint: 'absent' },
  }
  const activations: Int8Activations = { granularity: 'PerRow', mapping: 'SYMMETRIC', reduceRange: false }
  return lowerDynamicInt8(codes, activations)!(graph, layer)!
}

async function make(pieces: readonly ConstantPiece[], byteLength: number): Promise<Uint8Array> {
  const made = new Uint8Array(new SharedArrayBuffer(byteLength))
  for (const { output, ...task } of pieces) {
    const { offset: byteOffset, ...range } = output
    await pool.run({ ...task, outputs: [{ ...range, buffer: made.buffer as SharedArrayBuffer, byteOffset }] })
  }
  return made
}

test('threads make the same weights, alone, beside others of the same input, and with signs', async () => {
  const graph = createGraph('products')
  for (const [path, rows] of [
    ['q', 16],
    ['k', 8],
    ['v', 40],
  ] as const) {
    graph.output(path, product(graph, path, rows), 'float32', ['N', rows])
  }
  for (const each of [graph, graph.merged(), graph.merged().withSignedWeights()]) {
    const weights = each.constants.filter(({ dtype, shape }) => dtype !== 'float32' && shape[0] === COLUMNS)
    expect(weights).toHaveLength(each === graph ? 3 : 1)
    for (const { chunks, pieces } of weights) {
      const whole: Uint8Array[] = []
      for await (const bytes of chunks()) whole.push(bytes)
      const expected = Buffer.concat(whole)
      expect(Buffer.compare(await make(pieces!()!, expected.length), expected)).toBe(0)
    }
  }
})
