import {
  CheckpointError,
  type ConstantTensor,
  type GraphBuilder,
  type GraphValue,
  type NodeOptions,
  type QuantizedFormat,
  tensorBytes,
  type WeightInfo,
} from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import {
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  perAxis,
  perGroup,
  perTensor,
  type TorchAoBaseConfig,
} from './index.js'
import { dequantizeBothWays, expectFormat, quantizeBothWays } from './testing/run-format.fixture.js'

interface RecordedNode {
  readonly operator: string
  readonly inputs: readonly (GraphValue | undefined)[]
  readonly options: NodeOptions | undefined
}

/** Keeps what a lowering adds to the graph. */
function recordingGraph() {
  const nodes: RecordedNode[] = []
  const constants = new Map<string, ConstantTensor>()
  const values = new Map<string, GraphValue>()
  const refuse = () => {
    throw new Error('not expected here')
  }
  const graph: GraphBuilder = {
    node(operator, inputs, options) {
      const key = JSON.stringify([operator, inputs, options])
      const known = values.get(key)
      if (known !== undefined) return known
      nodes.push({ operator, inputs, options })
      values.set(key, { id: `${operator}_${nodes.length}` })
      return values.get(key)!
    },
    constant(tensor) {
      constants.set(tensor.name, tensor)
      return { id: tensor.name }
    },
    nodes: refuse,
    literal: (dtype, shape, values) => ({ id: `${dtype} [${shape}] ${values}` }),
  }
  return { graph, nodes, constants }
}

const INPUT = { id: 'x' }

/** Quantizes a weight, lowers it, and makes its constants. */
async function lower(
  config: TorchAoBaseConfig,
  outFeatures: number,
  inFeatures: number,
  spoil: (parts: ReadonlyMap<string, Uint8Array>) => void = () => {},
) {
  const weight: WeightInfo = { path: 'fc', kind: 'linear', outFeatures, inFeatures, dtype: 'float32' }
  const format = expectFormat(config.formatFor(weight))
  const values = Float32Array.from({ length: outFeatures * inFeatures }, (_, i) => Math.sin(i * i) + 0.3)
  const parts = quantizeBothWays(format, weight, new Uint8Array(values.buffer)).formula
  const dequantized = dequantizeBothWays(format, weight, parts).formula
  spoil(parts)
  const reads: string[] = []
  const { graph, nodes, constants } = recordingGraph()
  lowerHere(format, graph, weight, async (key) => {
    reads.push(key)
    return parts.get(key)!
  })
  const readBeforeWriting = reads.length
  const made = await Promise.all([...constants.values()].map(collect))
  return { weight, nodes, made, dequantized, readBeforeWriting }
}

const lowerHere = (
  format: QuantizedFormat,
  graph: GraphBuilder,
  weight: WeightInfo,
  read: (key: string) => Promise<Uint8Array>,
) =>
  format.lower!(graph, {
    weight,
    input: INPUT,
    memory: 'auto',
    read,
    component: () => {
      throw new Error('not expected here')
    },
  })

async function collect(tensor: ConstantTensor) {
  const pieces: Uint8Array[] = []
  for await (const piece of tensor.chunks()) pieces.push(piece)
  const bytes = new Uint8Array(Buffer.concat(pieces))
  expect(bytes.byteLength).toBe(tensorBytes(tensor.dtype, tensor.shape))
  return { ...tensor, bytes }
}

const attribute = (node: RecordedNode, name: string): number => {
  const value = node.options?.attributes?.[name]
  if (value === undefined || !('int' in value)) throw new Error(`no integer attribute ${name}`)
  return value.int
}

/** The weight that `MatMulNBits` multiplies with, by the definition of the operator. */
function operatorWeight({ nodes, made }: Awaited<ReturnType<typeof lower>>): Float32Array {
  const [node] = nodes as [RecordedNode]
  const [K, N, bits, size] = ['K', 'N', 'bits', 'block_size'].map((name) => attribute(node, name)) as [
    number,
    number,
    number,
    number,
  ]
  const blocks = Math.ceil(K / size)
  const [codes, scales, zeros] = node.inputs
    .slice(1)
    .map((value) => made.find(({ name }) => name === value?.id)!)
  const code = (bytes: Uint8Array, rowBytes: number, row: number, index: number) => {
    if (bits === 8) return bytes[row * rowBytes + index]!
    return (bytes[row * rowBytes + (index >> 1)]! >> (index % 2 === 0 ? 0 : 4)) & 15
  }
  const scale = new Float32Array(scales!.bytes.buffer)
  const result = new Float32Array(N * K)
  for (let row = 0; row < N; row++) {
    for (let column = 0; column < K; column++) {
      const block = Math.floor(column / size)
      const zero =
        zeros === undefined ? 2 ** (bits - 1) : code(zeros.bytes, Math.ceil((blocks * bits) / 8), row, block)
      const difference = code(codes!.bytes, (blocks * size * bits) / 8, row, column) - zero
      result[row * K + column] = Math.fround(difference * scale[row * blocks + block]!)
    }
  }
  return result
}

const intx = (options: ConstructorParameters<typeof Int8DynamicActivationIntxWeightConfig>[0]) =>
  new Int8DynamicActivationIntxWeightConfig(options)

describe('MatMulNBits gets the weight that dequantizing gives', () => {
  test.each([
    ['int8 per row', new Int8WeightOnlyConfig(), 5, 128, { bits: 8, block_size: 64 }],
    ['int8, rows of 96', new Int8WeightOnlyConfig(), 3, 96, { bits: 8, block_size: 32 }],
    ['int8, rows that need padding', new Int8WeightOnlyConfig(), 3, 100, { bits: 8, block_size: 64 }],
    [
      'int8 in groups of 256',
      new Int8WeightOnlyConfig({ granularity: perGroup(256) }),
      2,
      512,
      { bits: 8, block_size: 256 },
    ],
    ['int4 in groups of 32', intx({ weightDtype: 'int4' }), 5, 96, { bits: 4, block_size: 32 }],
    [
      'int4 in groups of 48, two scales alike',
      intx({ weightDtype: 'int4', weightGranularity: perGroup(48) }),
      3,
      96,
      { bits: 4, block_size: 16 },
    ],
    [
      'int4 per row, padded',
      intx({ weightDtype: 'int4', weightGranularity: perAxis() }),
      3,
      40,
      { bits: 4, block_size: 64 },
    ],
    [
      'int4 with zero points, an odd number a row',
      intx({ weightDtype: 'int4', weightMappingType: 'ASYMMETRIC' }),
      3,
      96,
      { bits: 4, block_size: 32 },
    ],
    ['int3 in the container of 4 bits', intx({ weightDtype: 'int3' }), 2, 64, { bits: 4, block_size: 32 }],
    ['int6 in the container of 8 bits', intx({ weightDtype: 'int6' }), 2, 64, { bits: 8, block_size: 32 }],
    [
      'int8 with zero points',
      intx({ weightDtype: 'int8', weightMappingType: 'ASYMMETRIC' }),
      3,
      96,
      { bits: 8, block_size: 32 },
    ],
    [
      'int8 with one scale for all',
      new Int8WeightOnlyConfig({ granularity: perTensor() }),
      5,
      128,
      { bits: 8, block_size: 64 },
    ],
    ['a weight of several pieces', new Int8WeightOnlyConfig(), 1100, 1024, { bits: 8, block_size: 64 }],
  ])('%s', async (_name, config, outFeatures, inFeatures, expected) => {
    const lowered = await lower(config, outFeatures, inFeatures)
    const [node] = lowered.nodes
    expect(lowered.nodes).toHaveLength(1)
    expect(node!.operator).toBe('MatMulNBits')
    expect(node!.inputs[0]).toBe(INPUT)
    expect(node!.options!.domain).toBe('com.microsoft')
    expect(node!.options!.attributes).toEqual({
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: expected.bits },
      block_size: { int: expected.block_size },
      accuracy_level: { int: 4 },
    })
    const [found, wanted] = [operatorWeight(lowered), lowered.dequantized]
    expect(found.findIndex((value, i) => value !== wanted[i])).toBe(-1)
    expect(found).toHaveLength(wanted.length)
  })
})

test('zero points that are all 0 are left out', async () => {
  const { nodes } = await lower(intx({ weightDtype: 'int4' }), 2, 64)
  expect(nodes[0]!.inputs).toHaveLength(3)
})

test('nothing is read before the weights file is written', async () => {
  const { readBeforeWriting } = await lower(new Int8WeightOnlyConfig(), 2, 64)
  expect(readBeforeWriting).toBe(0)
})

test('groups that no block size divides are computed on the dequantized weight', () => {
  const weight: WeightInfo = {
    path: 'fc',
    kind: 'linear',
    outFeatures: 2,
    inFeatures: 48,
    dtype: 'float32',
  }
  const config = intx({ weightDtype: 'int4', weightGranularity: perGroup(24) })
  expect(expectFormat(config.formatFor(weight)).lower).toBeUndefined()
})

describe('layers that share an input', () => {
  test('quantize it once', () => {
    const { graph, nodes } = recordingGraph()
    const weight: WeightInfo = { path: 'q', kind: 'linear', outFeatures: 8, inFeatures: 64, dtype: 'float32' }
    const count = (path: string, config = new Int8DynamicActivationInt8WeightConfig()) => {
      const before = nodes.length
      const layer = { ...weight, path }
      lowerHere(expectFormat(config.formatFor(layer)), graph, layer, async () => new Uint8Array())
      return nodes.length - before
    }
    const first = count('q')
    expect(count('k')).toBeLessThan(first / 2)
    const asymmetric = new Int8DynamicActivationInt8WeightConfig({ actMappingType: 'ASYMMETRIC' })
    expect(count('v', asymmetric)).toBeGreaterThan(first)
  })
})

test('packed int4 in groups that no block divides is computed on the dequantized weight', () => {
  const weight: WeightInfo = { path: 'fc', kind: 'linear', outFeatures: 2, inFeatures: 48, dtype: 'float32' }
  const config = new Int4WeightOnlyConfig({ groupSize: 24 })
  expect(expectFormat(config.formatFor(weight)).lower).toBeUndefined()
})

test('a code beyond its width is an error, not another code: packed, and restored', async () => {
  const spoil = (parts: ReadonlyMap<string, Uint8Array>) => {
    parts.get('_weight_qdata')![70] = 9
  }
  const config = intx({ weightDtype: 'int4' })
  const error = await lower(config, 2, 64, spoil).catch((thrown: unknown) => thrown)
  const expected = { code: 'CODE_OUT_OF_RANGE', tensor: 'fc._weight_qdata', found: 9 }
  expect(CheckpointError.isInstance(error) && error).toMatchObject(expected)

  const weight: WeightInfo = { path: 'fc', kind: 'linear', outFeatures: 2, inFeatures: 64, dtype: 'float32' }
  const format = expectFormat(config.formatFor(weight))
  const parts = quantizeBothWays(format, weight, new Uint8Array(2 * 64 * 4)).formula
  spoil(parts)
  expect(() => dequantizeBothWays(format, weight, parts)).toThrow(expect.objectContaining(expected))
})
