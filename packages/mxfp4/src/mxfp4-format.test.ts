import type {
  ComponentRows,
  ConstantTensor,
  FloatRows,
  GraphBuilder,
  LoweringInput,
  WeightInfo,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { readTensorFile } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { encodeBlock } from './e2m1.js'
import { mxfp4Format } from './mxfp4-format.js'
import { golden } from './testing/golden.fixture.js'

const { tensors: file } = await readTensorFile(golden('blocks.safetensors'))
const floats = (name: string) => new Float32Array(file.get(name)!.bytes.buffer)

const weightOf = (outFeatures: number, inFeatures: number): WeightInfo => ({
  ...{ path: 'layer', kind: 'linear', dtype: 'float32', outFeatures, inFeatures },
})

const parts = (blocks: Uint8Array, scales: Uint8Array) =>
  ({ uint8: (key: string) => (key === 'blocks' ? blocks : scales) }) as ComponentRows

const rowsOf = (values: Float32Array, columns: number): FloatRows => ({
  ...{ first: 0, count: values.length / columns },
  at: (row) => values.subarray(row * columns, (row + 1) * columns),
})

test.each([
  ['published blocks, with the smallest and the largest scale', ''],
  ['blocks made from numbers', 'made.'],
])('%s are restored to the bit', (_, prefix) => {
  const [blocks, scales] = ['blocks', 'scales'].map((key) => file.get(prefix + key)!)
  const wanted = floats(`${prefix}dequantized`)
  const columns = scales!.shape.at(-1)! * 32
  const values = new Float32Array(wanted.length)
  mxfp4Format.dequantize(
    parts(blocks!.bytes, scales!.bytes),
    rowsOf(values, columns),
    weightOf(wanted.length / columns, columns),
  )
  expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(wanted.buffer))
})

test('numbers become the bytes of the reference: ties, zeros and what is out of range among them', () => {
  const dense = file.get('dense')!
  const values = widenFloats(dense.bytes, 'float16')
  const [rows, columns] = [values.length / dense.shape.at(-1)!, dense.shape.at(-1)!]
  const [blocks, scales] = [new Uint8Array(values.length / 2), new Uint8Array(values.length / 32)]
  mxfp4Format.quantize!(rowsOf(values, columns), parts(blocks, scales), weightOf(rows, columns))
  expect(scales).toEqual(file.get('made.scales')!.bytes)
  expect(blocks).toEqual(file.get('made.blocks')!.bytes)
})

test.each([
  ['smallest', 2 ** -149],
  ['largest', 3.4028234663852886e38],
])('the %s number of float32 gets a scale that exists', (_, value) => {
  const { scale, codes } = encodeBlock(new Float32Array(32).fill(value))
  expect(scale).toBeGreaterThanOrEqual(0)
  expect(scale).toBeLessThanOrEqual(254)
  expect(new Set(codes).size).toBe(1)
})

test('the constants of the product are the weights, without any loss', async () => {
  const [blocks, scales] = ['made.blocks', 'made.scales'].map((name) => file.get(name)!.bytes)
  const wanted = floats('made.dequantized')
  const columns = file.get('made.scales')!.shape.at(-1)! * 32
  const constants: ConstantTensor[] = []
  const graph: Pick<GraphBuilder, 'constant' | 'node'> = {
    constant(tensor) {
      constants.push(tensor)
      return { id: tensor.name }
    },
    node: (id) => ({ id }),
  }
  const layer: Partial<LoweringInput> = {
    ...{ weight: weightOf(wanted.length / columns, columns), input: { id: 'x' } },
    read: async (key) => (key === 'blocks' ? blocks! : scales!),
  }
  mxfp4Format.lower!(graph as GraphBuilder, layer as LoweringInput)
  const [codes, steps] = await Promise.all(constants.map(bytesOf))
  const step = new Float32Array(steps!.buffer)
  const products = Float32Array.from(codes!, (code, at) => (code - 128) * step[at >> 5]!)
  // Adding 0 makes 0 of -0, which no integer is.
  expect(products.map((value) => value + 0)).toEqual(wanted.map((value) => value + 0))
})

async function bytesOf(tensor: ConstantTensor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of tensor.chunks()) pieces.push(piece)
  return new Uint8Array(Buffer.concat(pieces))
}
