import { createKernelPool, float32ToFloat16, runKernel } from '@hfquant/kernels'
import { afterAll, describe, expect, test } from 'vitest'
import { encodeWeight } from '../format/encode.js'
import type { GridRules } from '../format/gptq-format.js'
import type { GptqLayout } from '../format/layout.js'
import { groupCount, layoutComponents } from '../format/layout.js'
import { type GoldenCase, type GoldenFile, golden, goldenCases } from '../golden.fixture.js'
import { columnOrder } from './column-order.js'
import { factorize, hessianOf, sharedFloats } from './factorize.js'
import { quantizeColumns, roundRows } from './quantize-columns.js'

const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

const DAMPING = { dampPercent: 0.01, dampAutoIncrement: 0.01 }

/** The goldens use the paper's rule for groups without negative weights. */
const rulesOf = ({ mse }: GoldenCase): GridRules => ({
  oneSided: true,
  minimumZero: 0,
  searchExponent: mse ? 2.4 : 0,
  roundScales: false,
})

function layoutFor({ bits, group_size: size, sym }: GoldenCase, columns: number): GptqLayout {
  return {
    bits,
    groupSize: size === -1 ? columns : size,
    scaleDtype: 'float16',
    zeroPoints: 'gptq',
    symmetric: sym,
    hasGroupIndex: true,
    order: undefined,
  }
}

function shared(values: Float32Array): Float32Array {
  const copy = sharedFloats(values.length)
  copy.set(values)
  return copy
}

function sharedWeight(layer: GoldenFile) {
  const [rows, columns] = layer.shape('W') as [number, number]
  const values = sharedFloats(rows * columns)
  values.set(layer.float32('W'))
  return { values, rows, columns }
}

/** H of the file, as sums over tokens of two sequences: (2 / 2) · H = H. */
async function quantizeCase(golden_: GoldenCase, overrides: Partial<GridRules> = {}) {
  const layer = golden(`layer_${golden_.layer}`)
  const weight = sharedWeight(layer)
  const hessian = hessianOf(shared(layer.float32('H')), 2)!
  const layout = layoutFor(golden_, weight.columns)
  const columns = columnOrder(hessian.diagonal, {
    groupSize: layout.groupSize,
    ungrouped: golden_.group_size === -1,
    descAct: golden_.act_order,
    actGroupAware: false,
    staticGroups: golden_.static_groups,
  })
  const factor = (await factorize(hessian, columns, DAMPING, pool, undefined))!
  const rules = { ...rulesOf(golden_), ...overrides }
  const request = { weight, layout, rules, pool, signal: undefined }
  const result = await quantizeColumns(request, columns, factor, hessian.dead)
  return { layer, weight, hessian, layout, columns, factor, result, request }
}

const different = (found: ArrayLike<number>, wanted: ArrayLike<number>): number => {
  let count = 0
  for (let i = 0; i < wanted.length; i++) if (found[i] !== wanted[i]) count += 1
  return count / wanted.length
}

describe.each(goldenCases)('$name', (golden_) => {
  const expected = golden(golden_.file.replace('.safetensors', ''))
  // The scale search compares sums that are nearly equal; the other cases have nothing to disagree about but ties.
  const codeTolerance = golden_.mse ? 0.02 : 0.001
  const lossTolerance = golden_.mse ? 0.03 : 0.001

  test('gives the codes, scales, zero points, groups and the loss of the reference', async () => {
    const { result, columns, layout, weight } = await quantizeCase(golden_)
    expect(different(result.codes, expected.bytes('codes'))).toBeLessThanOrEqual(codeTolerance)
    expect([...result.groupOf]).toEqual([...expected.int32('g_idx')])
    const groups = groupCount(weight.columns, layout.groupSize)
    expect(result.scales).toHaveLength(weight.rows * groups)
    const scales = expected.float32('scales')
    const near = result.scales.filter((scale, i) => Math.abs(scale / scales[i]! - 1) < 1e-5).length
    expect(1 - near / scales.length).toBeLessThanOrEqual(golden_.mse ? 0.02 : 0.002)
    expect(different(result.zeros, expected.float32('zeros'))).toBeLessThanOrEqual(codeTolerance)
    const loss = Number(expected.metadata.loss_reported ?? golden_.loss_reported)
    expect(Math.abs(result.loss / loss - 1)).toBeLessThan(lossTolerance)
    if (golden_.layer !== 'd') expect([...columns.order]).toEqual([...expected.int32('perm')])
  })

  test('its loss is ½ tr(ΔW · H_damped · ΔWᵀ), and far below that of rounding to nearest', async () => {
    const { result, weight, hessian, factor, layout, request } = await quantizeCase(golden_)
    const loss = proxyLoss(weight, hessian, factor.damping, result, layout)
    expect(Math.abs(loss / result.loss - 1)).toBeLessThan(1e-4)
    const rounded = await roundRows(request)
    expect(2 * proxyLoss(weight, hessian, factor.damping, result, layout)).toBeLessThan(
      proxyLoss(weight, hessian, factor.damping, rounded, layout),
    )
  })

  test('the packed tensors are those of the reference, in both formats of zero points', () => {
    const [outFeatures, inFeatures] = golden(`layer_${golden_.layer}`).shape('W') as [number, number]
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
      const layout = { ...layoutFor(golden_, inFeatures), zeroPoints }
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
    const [rows, columns] = golden(`layer_${golden_.layer}`).shape('W') as [number, number]
    const layout = layoutFor(golden_, columns)
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
          bits: layout.bits,
          totalRows: rows,
          columns,
          first: 0,
          rows,
          groups: groupCount(columns, layout.groupSize),
          groupSize: layout.groupSize,
          scaleDtype: 'float16',
          minusOne,
        },
        ['qweight', tensor, 'scales_f16', 'g_idx'].map((key) => expected.bytes(key)),
        [new Uint8Array(values.buffer)],
      )
      for (let i = 0; i < values.length; i++)
        expect(Math.abs(values[i]! - wanted[i]!)).toBeLessThanOrEqual(6e-4 * largest)
    }
  })
})

/** ½ tr(ΔW · H · ΔWᵀ) in float64, where dead columns of W count as 0. */
function proxyLoss(
  weight: { values: Float32Array; rows: number; columns: number },
  hessian: { values: Float32Array; dead: Uint8Array },
  damping: number,
  {
    codes,
    scales,
    zeros,
    groupOf,
  }: { codes: Uint8Array; scales: Float32Array; zeros: Uint8Array; groupOf: Int32Array },
  layout: GptqLayout,
): number {
  const { rows, columns } = weight
  const groups = groupCount(columns, layout.groupSize)
  let total = 0
  for (let row = 0; row < rows; row++) {
    const delta = Float64Array.from({ length: columns }, (_, k) => {
      const at = row * groups + groupOf[k]!
      const restored = Math.fround(scales[at]! * (codes[row * columns + k]! - zeros[at]!))
      return (hessian.dead[k] ? 0 : weight.values[row * columns + k]!) - restored
    })
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) {
        const h = hessian.values[i * columns + j]! + (i === j ? damping : 0)
        total += delta[i]! * h * delta[j]!
      }
    }
  }
  return total / 2
}

describe('what the goldens do not have', () => {
  const case_ = goldenCases.find(({ name }) => name === 'a_w4_g32_sym')!

  test('the group-aware order keeps groups in place and loses less than the order of columns', async () => {
    const { weight, hessian, layout, result, request } = await quantizeCase(case_)
    const aware = columnOrder(hessian.diagonal, {
      groupSize: 32,
      ungrouped: false,
      descAct: false,
      actGroupAware: true,
      staticGroups: false,
    })
    expect([...aware.groupOf]).toEqual(Array.from({ length: weight.columns }, (_, k) => Math.floor(k / 32)))
    expect([...aware.order]).not.toEqual([...aware.order.keys()])
    const factor = (await factorize(hessian, aware, DAMPING, pool, undefined))!
    const ordered = await quantizeColumns(request, aware, factor, hessian.dead)
    expect(
      Math.abs(proxyLoss(weight, hessian, factor.damping, ordered, layout) / ordered.loss - 1),
    ).toBeLessThan(1e-4)
    expect(ordered.loss).toBeLessThan(result.loss)
  })

  test('symmetric groups without negative weights get a whole grid unless the reference is asked for', async () => {
    const oneSided = goldenCases.find(
      ({ name }) => name.startsWith('d_') && name.includes('sym_act') && !name.includes('asym'),
    )!
    const reference = await quantizeCase(oneSided)
    const ours = await quantizeCase(oneSided, { oneSided: false })
    expect(ours.result.loss).toBeLessThan(reference.result.loss)
  })

  test('rounding scales to float16 first gives scales that are float16', async () => {
    const { result } = await quantizeCase(case_, { roundScales: true })
    const bits = new Set([...result.scales].map((scale) => float32ToFloat16(scale)))
    const back = [...bits].map((half) => {
      const out = new Float32Array(1)
      runKernel(
        'cast',
        { from: 'float16', to: 'float32' },
        [new Uint8Array(Uint16Array.of(half).buffer)],
        [new Uint8Array(out.buffer)],
      )
      return out[0]!
    })
    for (const scale of result.scales) expect(back).toContain(scale)
  })

  test('asked for v1, zero points stay above 0', async () => {
    const positive = goldenCases.find(({ name }) => name === 'd_w4_g32_asym')!
    expect((await quantizeCase(positive)).result.zeros).toContain(0)
    expect((await quantizeCase(positive, { minimumZero: 1 })).result.zeros).not.toContain(0)
  })

  test('one, two and three workers give the same bytes', async () => {
    const bytes = await Promise.all(
      [1, 2, 3].map(async (workers) => {
        await using other = createKernelPool({ workers })
        const { request, columns, factor, hessian } = await quantizeCase(case_)
        return (await quantizeColumns({ ...request, pool: other }, columns, factor, hessian.dead)).codes
      }),
    )
    expect(bytes[1]).toEqual(bytes[0])
    expect(bytes[2]).toEqual(bytes[0])
  })
})

describe('the Hessian', () => {
  test.each(['a', 'b', 'c', 'd'])(
    'of layer %s follows from its inputs, to 1e-6 of its largest entry',
    (id) => {
      const layer = golden(`layer_${id}`)
      const [sequences, tokens, size] = layer.shape('X') as [number, number, number]
      const x = new Float32Array(sequences * tokens * size)
      runKernel('cast', { from: 'float16', to: 'float32' }, [layer.bytes('X')], [new Uint8Array(x.buffer)])
      const moments = new Float32Array(size * size)
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          let sum = 0
          for (let t = 0; t < sequences * tokens; t++) sum += x[t * size + i]! * x[t * size + j]!
          moments[i * size + j] = sum
        }
      }
      const hessian = hessianOf(shared(moments), sequences)!
      const wanted = layer.float32('H')
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      for (const [i, value] of wanted.entries()) {
        const isDead = hessian.dead[Math.floor(i / size)] === 1 && i % (size + 1) === 0
        expect(Math.abs(hessian.values[i]! - (isDead ? 1 : value))).toBeLessThan(1e-6 * largest)
      }
    },
  )

  test('of inputs that are not finite, or of no inputs, is none', () => {
    expect(hessianOf(Float32Array.of(1, 0, 0, Number.NaN), 1)).toBeUndefined()
    expect(hessianOf(new Float32Array(4), 1)).toBeUndefined()
  })

  test('that is not definite is damped until it is', async () => {
    const indefinite = {
      size: 2,
      values: sharedFloats(4),
      diagonal: Float32Array.of(1, 1),
      dead: new Uint8Array(2),
    }
    indefinite.values.set([1, 1.2, 1.2, 1])
    const plain = columnOrder(indefinite.diagonal, {
      groupSize: 2,
      ungrouped: false,
      descAct: false,
      actGroupAware: false,
      staticGroups: false,
    })
    const factor = (await factorize(
      indefinite,
      plain,
      { dampPercent: 0.05, dampAutoIncrement: 0.05 },
      pool,
      undefined,
    ))!
    expect(factor.dampPercent).toBeGreaterThan(0.2 - 1e-9)
    indefinite.values.set([1, 5, 5, 1])
    expect(
      await factorize(indefinite, plain, { dampPercent: 0.05, dampAutoIncrement: 0.05 }, pool, undefined),
    ).toBeUndefined()
  })
})
