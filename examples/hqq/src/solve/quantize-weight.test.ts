import { bfloat16ToFloat32, float16ToFloat32 } from '@hfquant/kernels'
import { describe, expect, test } from 'vitest'
import { topCode } from '../config/settings.js'
import { cases, floats, type RawTensor, readCase, readTensors } from '../testing/golden.fixture.js'
import { groupWeight } from './grouped-weight.js'
import { initialGrid } from './initial-grid.js'
import { quantizeWeight } from './quantize-weight.js'
import { solveZeros } from './solve-zeros.js'

const inputs = await readTensors('inputs.safetensors')

/** Any float tensor, widened. */
function widened(tensor: RawTensor): Float32Array {
  if (tensor.dtype === 'F32') return floats(tensor)
  const widen = tensor.dtype === 'F16' ? float16ToFloat32 : bfloat16ToFloat32
  return Float32Array.from(new Uint16Array(tensor.bytes.slice().buffer), widen)
}

const channelWise = cases.filter(({ channel_wise }) => channel_wise)

describe.each(channelWise)('$name', (golden) => {
  const values = widened(inputs.get(golden.input)!)
  const { codes, scales, zeros, errors } = quantizeWeight(values, {
    topCode: topCode(golden.nbits),
    groupSize: golden.effective_group_size,
    axis: golden.axis,
    startsWhole: golden.round_zero,
    optimize: golden.optimize,
  })

  test('is quantized as the reference does it', async () => {
    const wanted = await readCase(golden.name)
    const wantedCodes = wanted.get('codes')!.bytes
    const differing = codes.filter((code, index) => code !== wantedCodes[index]).length
    // Half a percent: means of the reference round differently, and its input d sits on cancellations.
    expect(differing / codes.length).toBeLessThanOrEqual(golden.input === 'd' ? 0.015 : 0.005)

    const wantedScales = floats(wanted.get('scale_f32') ?? wanted.get('scale')!)
    scales.forEach((scale, group) => {
      expect(Math.abs(scale / wantedScales[group]! - 1)).toBeLessThan(2e-7)
    })
    expect(Math.abs(errors.length - golden.iterations)).toBeLessThanOrEqual(1)
    golden.error_per_iteration.slice(0, errors.length).forEach((error, iteration) => {
      expect(Math.abs(errors[iteration]! / error - 1)).toBeLessThan(1e-5)
    })
    if (differing > 0 || golden.input === 'd') return
    const wantedZeros = floats(wanted.get('zero_f32') ?? wanted.get('zero')!)
    zeros.forEach((zero, group) => {
      expect(zero).toBeCloseTo(wantedZeros[group]!, 2)
    })
  })

  test('has the error of the reference', () => {
    const { rows, columns, axis } = groupWeight(values, golden.effective_group_size, golden.axis)
    let sum = 0
    for (let index = 0; index < rows * columns; index++) {
      const group = axis === 1 ? Math.floor(index / columns) : index % columns
      sum += Math.abs(values[index]! - (codes[index]! - zeros[group]!) * scales[group]!)
    }
    const tolerance = golden.input === 'd' ? 0.01 : 0.001
    expect(Math.abs(sum / values.length / golden.hqq_mean_abs - 1)).toBeLessThan(tolerance)
  })
})

describe.each(['a_w4_g64_ax1', 'a_w3_g64_ax1', 'c_w2_g64_ax1', 'a_w4_g16_ax0'])(
  'the solver at %s',
  (name) => {
    test('passes through the zero points of the reference', async () => {
      const golden = cases.find((known) => known.name === name)!
      const trace = await readCase(name)
      const weight = groupWeight(floats(inputs.get(golden.input)!), golden.effective_group_size, golden.axis)
      const grid = initialGrid(weight, topCode(golden.nbits), golden.round_zero)
      expect(grid.inverseScales).toEqual(floats(trace.get('scale_inverse_initial')!))
      const zeros = floats(trace.get('zero_trace')!)
      expect(grid.zeros).toEqual(zeros.subarray(0, weight.groups))
      const solved = solveZeros(weight, grid, topCode(golden.nbits))
      const last = zeros.subarray(zeros.length - weight.groups)
      solved.zeros.forEach((zero, group) => {
        expect(Math.abs(zero - last[group]!)).toBeLessThan(1e-4)
      })
    })
  },
)

test('4-bit zero points are no whole numbers, although the solver starts at such', async () => {
  const values = floats(inputs.get('a')!)
  const options = { topCode: 15, groupSize: 64, axis: 1, startsWhole: true } as const
  const { zeros } = quantizeWeight(values, { ...options, optimize: true })
  expect(zeros.filter((zero) => !Number.isInteger(zero)).length).toBeGreaterThan(zeros.length / 2)
  expect(quantizeWeight(values, { ...options, optimize: false }).zeros.every(Number.isInteger)).toBe(true)
})
