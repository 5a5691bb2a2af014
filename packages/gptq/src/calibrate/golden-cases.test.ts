import { createKernelPool, runKernel } from '@hfquant/kernels'
import { afterAll, describe, expect, test } from 'vitest'
import { encodeWeight } from '../format/encode.js'
import { groupCount, layoutComponents } from '../format/layout.js'
import { golden, goldenCases } from '../golden.fixture.js'
import { afresh, layoutFor, proxyLoss, quadraticForm, quantizeCase } from './algorithm.fixture.js'
import { roundRows } from './quantize-columns.js'
import { energyOf, relativeError } from './relative-error.js'

const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

const different = (found: ArrayLike<number>, wanted: ArrayLike<number>): number => {
  let count = 0
  for (let i = 0; i < wanted.length; i++) if (found[i] !== wanted[i]) count += 1
  return count / wanted.length
}

describe.each(goldenCases)('$name', (case_) => {
  const expected = golden(case_.file.replace('.safetensors', ''))
  // The scale search compares sums that are nearly equal; the other cases have nothing to disagree about but ties.
  const codeTolerance = case_.mse ? 0.02 : 0.001
  const lossTolerance = case_.mse ? 0.03 : 0.001

  test('gives the codes, scales, zero points, groups and the loss of the reference', async () => {
    const { result, columns, layout, weight } = await quantizeCase(pool, case_)
    expect(different(result.codes, expected.bytes('codes'))).toBeLessThanOrEqual(codeTolerance)
    expect([...result.groupOf]).toEqual([...expected.int32('g_idx')])
    const groups = groupCount(weight.columns, layout.groupSize)
    expect(result.scales).toHaveLength(weight.rows * groups)
    const scales = expected.float32('scales')
    const near = result.scales.filter((scale, i) => Math.abs(scale / scales[i]! - 1) < 1e-5).length
    expect(1 - near / scales.length).toBeLessThanOrEqual(case_.mse ? 0.02 : 0.002)
    expect(different(result.zeros, expected.float32('zeros'))).toBeLessThanOrEqual(codeTolerance)
    const loss = Number(expected.metadata.loss_reported ?? case_.loss_reported)
    expect(Math.abs(result.loss / loss - 1)).toBeLessThan(lossTolerance)
    if (case_.layer !== 'd') expect([...columns.order]).toEqual([...expected.int32('perm')])
  })

  test('its loss is ½ tr(ΔW · H_damped · ΔWᵀ), and far below that of rounding to nearest', async () => {
    const { result, weight, hessian, factor, layout, request } = await quantizeCase(pool, case_)
    const loss = proxyLoss(weight, hessian, factor.damping, result, layout)
    expect(Math.abs(loss / result.loss - 1)).toBeLessThan(1e-4)
    const rounded = proxyLoss(weight, hessian, factor.damping, await roundRows(afresh(request)), layout)
    expect(2 * loss).toBeLessThan(rounded)
  })

  test('its relative error is tr(ΔW·H·ΔWᵀ) / tr(W·H·Wᵀ) without damping, and that of the reference', async () => {
    const { result, weight, hessian, factor, layout, request } = await quantizeCase(pool, case_)
    const energy = await energyOf(weight, hessian, request)
    const rows = Array.from({ length: weight.rows }, (_, row) =>
      Float64Array.from(weight.values.subarray(row * weight.columns, (row + 1) * weight.columns)),
    )
    expect(Math.abs(energy / quadraticForm(rows, hessian, 0) - 1)).toBeLessThan(1e-5)
    const error = relativeError(weight, result, layout, { ...hessian, ...factor, energy })
    const lost = 2 * proxyLoss(weight, hessian, 0, result, layout)
    expect(Math.abs((error * energy) / lost - 1)).toBeLessThan(1e-4)
    expect(Math.abs(lost / (2 * Number(case_.proxy_gptq)) - 1)).toBeLessThan(lossTolerance)
  })

  test('the packed tensors are those of the reference, in both formats of zero points', () => {
    const [outFeatures, inFeatures] = golden(`layer_${case_.layer}`).shape('W') as [number, number]
    const weight = { path: 'w', kind: 'linear', outFeatures, inFeatures, dtype: 'float32' } as const
    const quantized = {
      codes: expected.bytes('codes'),
      scales: expected.float32('scales'),
      zeros: Uint8Array.from(expected.float32('zeros')),
      groupOf: expected.int32('g_idx'),
    }
    for (const [zeroPoints, tensor] of [
      ['gptq', 'qzeros_v1'],
      ['gptq_v2', 'qzeros_v2'],
    ] as const) {
      const layout = { ...layoutFor(case_, inFeatures), zeroPoints }
      const parts = new Map(
        layoutComponents(weight, layout).map(({ key, dtype, shape }) => [
          key,
          new Uint8Array(shape.reduce((a, b) => a * b, 1) * (dtype === 'float16' ? 2 : 4)),
        ]),
      )
      encodeWeight(
        quantized,
        { bytes: (key) => parts.get(key)!, int32: (key) => new Int32Array(parts.get(key)!.buffer) },
        weight,
        layout,
      )
      expect(parts.get('qweight')).toEqual(expected.bytes('qweight'))
      expect(parts.get('qzeros')).toEqual(expected.bytes(tensor))
      expect(parts.get('g_idx')).toEqual(expected.bytes('g_idx'))
      expect(parts.get('scales')).toEqual(expected.bytes('scales_f16'))
    }
  })

  test('what is packed dequantizes to Q, up to the rounding of scales to float16', () => {
    const [rows, columns] = golden(`layer_${case_.layer}`).shape('W') as [number, number]
    const layout = layoutFor(case_, columns)
    const wanted = expected.float32('Q')
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [minusOne, tensor] of [
      [true, 'qzeros_v1'],
      [false, 'qzeros_v2'],
    ] as const) {
      const values = new Float32Array(rows * columns)
      runKernel(
        'dequantizeColumns',
        {
          ...{ bits: layout.bits, totalRows: rows, columns, first: 0, rows, scaleDtype: 'float16', minusOne },
          ...{ groups: groupCount(columns, layout.groupSize), groupSize: layout.groupSize },
        },
        ['qweight', tensor, 'scales_f16', 'g_idx'].map((key) => expected.bytes(key)),
        [new Uint8Array(values.buffer)],
      )
      for (let i = 0; i < values.length; i++)
        expect(Math.abs(values[i]! - wanted[i]!)).toBeLessThanOrEqual(6e-4 * largest)
    }
  })
})
