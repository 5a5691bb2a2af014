import { castFloats, widenFloats } from '@hfquant/kernels'
import { describe, expect, test } from 'vitest'
import { BitsAndBytesConfig, type BitsAndBytesOptions } from '../index.js'
import { float32, floats, type RawTensor, readGolden } from '../testing/golden.fixture.js'
import { loadLinear } from '../testing/load-linear.fixture.js'
import { multiply, type Probe, relativeDistance, runLinear } from '../testing/run-linear.fixture.js'
import { FOUR_BIT_GRIDS, fourBitGrid } from './four-bit-grid.js'

const noise = (count: number, seed = 1) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + seed) * 12.9898) * Math.cos(i * 78.233 + seed))

function make(outFeatures: number, inFeatures: number, options: BitsAndBytesOptions) {
  const weight = float32(noise(outFeatures * inFeatures), [outFeatures, inFeatures])
  const config = new BitsAndBytesConfig(options)
  const source = { tensors: new Map([['weight', weight]]), config, preQuantized: false }
  return loadLinear({ ...source, outFeatures, inFeatures })
}

describe('the 8-bit grid of a code table', () => {
  test.each([
    ['nf4', 0.001717],
    ['fp4', 0.001105],
  ] as const)('of %s loses %f, and no other step loses less', (type, error) => {
    const grid = FOUR_BIT_GRIDS[type]
    expect(grid.error).toBeLessThan(error)
    let least = Infinity
    for (let inverse = 60; inverse <= 127.49; inverse += 0.001) {
      least = Math.min(least, fourBitGrid(type, 1 / inverse).error)
    }
    expect(grid.error).toBeLessThanOrEqual(least)
    expect(grid.codes[type === 'nf4' ? 7 : 0]).toBe(128)
  })
})

describe.each([
  { loadIn4bit: true, bnb4bitQuantType: 'nf4' },
  { loadIn4bit: true, bnb4bitQuantType: 'nf4', bnb4bitUseDoubleQuant: true },
  { loadIn4bit: true, bnb4bitQuantType: 'fp4' },
] as const)('%j', (options) => {
  test.each([
    [48, 128, 'MatMulNBits'],
    // A block of 64 crosses the end of a row, the operator's blocks of 32 or 16 do not.
    [48, 96, 'MatMulNBits'],
    [48, 80, 'MatMulNBits'],
    [48, 72, 'FusedMatMul'],
    [5, 33, 'FusedMatMul'],
  ])('a weight of %i x %i is computed fast by %s', async (outFeatures, inFeatures, operator) => {
    const { module, dequantized } = await make(outFeatures, inFeatures, options)
    const input = noise(6 * inFeatures, 7)
    const { output, shape, operators } = await runLinear(module, input, [2, 3, inFeatures])
    expect(operators).toEqual([operator])
    expect(shape).toEqual([2, 3, outFeatures])
    const wanted = multiply(input, dequantized, inFeatures)
    expect(relativeDistance(output, wanted)).toBeLessThan(operator === 'MatMulNBits' ? 0.015 : 1e-6)
  })

  test.each([
    [48, 128],
    [48, 72],
    [5, 33],
  ])('a weight of %i x %i keeps its four bits where memory is low', async (outFeatures, inFeatures) => {
    const { module, dequantized } = await make(outFeatures, inFeatures, options)
    const input = noise(2 * inFeatures, 3)
    const { output, operators } = await runLinear(module, input, [2, inFeatures], { memory: 'low' })
    expect(operators).toEqual(['MatMulBnb4'])
    expect(relativeDistance(output, multiply(input, dequantized, inFeatures))).toBeLessThan(1e-6)
  })
})

function last<Node extends { readonly operator: string }>(nodes: readonly Node[], operator: string): Node {
  return nodes.filter((node) => node.operator === operator).at(-1)!
}

const roundedToBfloat16 = (bytes: Uint8Array): Float32Array =>
  widenFloats(castFloats(bytes, 'float32', 'bfloat16'), 'bfloat16')

describe('LLM.int8()', () => {
  const golden = readGolden('int8')
  const tensor = (name: string): RawTensor => golden.get(name)!
  const bias = floats(tensor('forward.bias').bytes)

  const load = (llmInt8Threshold: number) =>
    loadLinear({
      tensors: new Map([
        ['weight', tensor('forward.CB')],
        ['SCB', tensor('forward.SCB')],
      ]),
      ...{ outFeatures: 48, inFeatures: 160, preQuantized: true },
      config: new BitsAndBytesConfig({ loadIn8bit: true, llmInt8Threshold }),
    })

  // What leads to the product: codes and scales of the activations, and the sums of the integers.
  const probes: readonly Probe[] = [
    { name: 'CA', dtype: 'uint8', find: (nodes) => last(nodes, 'MatMulInteger').inputs[0]! },
    { name: 'SCA', dtype: 'float32', find: (nodes) => last(nodes, 'ReduceMax').output },
    { name: 'acc_i32', dtype: 'int32', find: (nodes) => last(nodes, 'MatMulInteger').output },
  ]

  test.each([
    ['f32', 0],
    ['f32', 6],
    ['bf16', 0],
    ['bf16', 6],
  ])('computes as the library does, %s input with threshold %i', async (dtype, threshold) => {
    const { module } = await load(threshold)
    const x = tensor('forward.x').bytes
    const input = dtype === 'f32' ? floats(x) : roundedToBfloat16(x)
    const expected = (name: string) => tensor(`forward.${dtype}.thr${threshold}.${name}`).bytes
    const { output, probes: found } = await runLinear(module, input, [7, 160], {}, probes)

    const codes = Array.from(new Int8Array(expected('CA').buffer), (code) => code + 128)
    expect(Array.from(found.get('CA')!)).toEqual(codes)
    expect(Array.from(found.get('SCA')!)).toEqual([...floats(expected('SCA'))])
    expect(Array.from(found.get('acc_i32')!)).toEqual([...new Int32Array(expected('acc_i32').buffer)])

    // Activations are float32 here; the library's bfloat16 outputs hold roundings of its own.
    if (dtype === 'bf16') return
    const wanted = floats(expected('output'))
    for (const [i, value] of output.entries()) {
      const difference = Math.abs(value + bias[i % 48]! - wanted[i]!)
      expect(difference).toBeLessThanOrEqual(1e-5 + 1e-5 * Math.abs(wanted[i]!))
    }
  })

  test("exact computation is the library's weight-only path", async () => {
    const { module } = await load(6)
    const { output } = await runLinear(module, floats(tensor('forward.x').bytes), [7, 160], {
      compute: 'exact',
    })
    const wanted = floats(tensor('forward.f32.train.output').bytes)
    for (const [i, value] of output.entries()) expect(value + bias[i % 48]!).toBeCloseTo(wanted[i]!, 4)
  })

  test.each([0, 6])('takes tokens of zeros, and none that is an outlier, threshold %i', async (threshold) => {
    const { module, dequantized } = await load(threshold)
    const input = noise(6 * 160, 5).fill(0, 160, 320)
    const { output, shape } = await runLinear(module, input, [2, 3, 160])
    expect(shape).toEqual([2, 3, 48])
    expect([...output.subarray(48, 96)]).toEqual(Array(48).fill(0))
    expect(relativeDistance(output, multiply(input, dequantized, 160))).toBeLessThan(0.02)
  })

  test('an outlier column does not blur the others', async () => {
    const input = noise(4 * 160, 9)
    for (let row = 0; row < 4; row++) input[row * 160 + 17] = row === 2 ? 500 : 0.5
    const distance = async (threshold: number) => {
      const { module, dequantized } = await load(threshold)
      const { output } = await runLinear(module, input, [4, 160])
      const wanted = multiply(input, dequantized, 160)
      return relativeDistance(output.subarray(96, 144), wanted.subarray(96, 144))
    }
    expect(await distance(6)).toBeLessThan(1e-3)
    expect(await distance(0)).toBeGreaterThan(3e-3)
  })
})
