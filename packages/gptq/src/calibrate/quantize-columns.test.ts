import { createKernelPool, float32ToFloat16, runKernel } from '@hfquant/kernels'
import { afterAll, describe, expect, test } from 'vitest'
import { goldenCases } from '../golden.fixture.js'
import { afresh, DAMPING, proxyLoss, quantizeCase, shared } from './algorithm.fixture.js'
import { columnOrder } from './column-order.js'
import { factorize } from './factorize.js'
import { quantizeColumns } from './quantize-columns.js'

const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

const case_ = goldenCases.find(({ name }) => name === 'a_w4_g32_sym')!

describe('what the goldens do not have', () => {
  test('the group-aware order keeps groups in place and loses less than the order of columns', async () => {
    const { weight, hessian, layout, result, request } = await quantizeCase(pool, case_)
    const aware = columnOrder(hessian.diagonal, {
      groupSize: 32,
      ungrouped: false,
      descAct: false,
      actGroupAware: true,
      staticGroups: false,
    })
    expect([...aware.groupOf]).toEqual(Array.from({ length: weight.columns }, (_, k) => Math.floor(k / 32)))
    expect([...aware.order]).not.toEqual([...aware.order.keys()])
    const target = shared(hessian.values)
    const factor = (await factorize(hessian, aware, { target, rules: DAMPING, pool }))!
    const ordered = await quantizeColumns(afresh(request), aware, factor, hessian.dead)
    expect(
      Math.abs(proxyLoss(weight, hessian, factor.damping, ordered, layout) / ordered.loss - 1),
    ).toBeLessThan(1e-4)
    expect(ordered.loss).toBeLessThan(result.loss)
  })

  test('symmetric groups without negative weights get a whole grid unless the reference is asked for', async () => {
    const oneSided = goldenCases.find(
      ({ name }) => name.startsWith('d_') && name.includes('sym_act') && !name.includes('asym'),
    )!
    const reference = await quantizeCase(pool, oneSided)
    const ours = await quantizeCase(pool, oneSided, { oneSided: false })
    expect(ours.result.loss).toBeLessThan(reference.result.loss)
  })

  test('rounding scales to float16 first gives scales that are float16', async () => {
    const { result } = await quantizeCase(pool, case_, { roundScales: true })
    const halves = Uint16Array.from(result.scales, (scale) => float32ToFloat16(scale))
    const back = new Float32Array(halves.length)
    const [input, output] = [new Uint8Array(halves.buffer), new Uint8Array(back.buffer)]
    runKernel('cast', { from: 'float16', to: 'float32' }, [input], [output])
    expect([...result.scales]).toEqual([...back])
  })

  test('asked for v1, zero points stay above 0', async () => {
    const positive = goldenCases.find(({ name }) => name === 'd_w4_g32_asym')!
    expect((await quantizeCase(pool, positive)).result.zeros).toContain(0)
    expect((await quantizeCase(pool, positive, { minimumZero: 1 })).result.zeros).not.toContain(0)
  })

  test('one, two and three workers give the same bytes', async () => {
    const { request, columns, factor, hessian } = await quantizeCase(pool, case_)
    const bytes = await Promise.all(
      [1, 2, 3].map(async (workers) => {
        await using other = createKernelPool({ workers })
        const own = { ...afresh(request), pool: other }
        return (await quantizeColumns(own, columns, factor, hessian.dead)).codes
      }),
    )
    expect(bytes[1]).toEqual(bytes[0])
    expect(bytes[2]).toEqual(bytes[0])
  })
})
