import { createScratchArrays, joinPanels, PANEL_ROWS, triangleRoom } from '@hfquant/calibrate'
import { createKernelPool, lowerPanels, runKernel } from '@hfquant/kernels'
import { afterAll, describe, expect, test } from 'vitest'
import { golden } from '../golden.fixture.js'
import { shared } from './algorithm.fixture.js'
import { columnOrder } from './column-order.js'
import { factorize } from './factorize.js'
import { hessianOf } from './hessian.js'

const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

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
      const hessian = hessianOf(shared(moments), size, sequences)!
      const wanted = layer.float32('H')
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      for (const [i, value] of wanted.entries())
        expect(Math.abs(hessian.values[i]! - value)).toBeLessThan(1e-6 * largest)
      for (let k = 0; k < size; k++) {
        const value = wanted[k * size + k]!
        expect(hessian.dead[k]).toBe(value === 0 ? 1 : 0)
        expect(Math.abs(hessian.diagonal[k]! - (value === 0 ? 1 : value))).toBeLessThan(1e-6 * largest)
      }
    },
  )

  test('of many columns lies in panels, with its diagonal where it belongs', () => {
    const size = PANEL_ROWS + 3
    const entry = (i: number, j: number) => (i === j ? 1 + i : 0.25)
    const panels = lowerPanels(size, PANEL_ROWS).map(({ first, end, width }) =>
      Float32Array.from({ length: (end - first) * width }, (_, at) =>
        entry(first + Math.floor(at / width), at % width),
      ),
    )
    const target = triangleRoom(createScratchArrays(), 'test', size)
    const hessian = hessianOf(joinPanels(panels, size, target), size, 4)!
    expect([...hessian.diagonal]).toEqual(Array.from({ length: size }, (_, k) => (1 + k) / 2))
    expect(hessian.values.at(-2)).toBe(0.125)
    expect(panels, 'none of them is in memory twice').toEqual([])
  })

  test('of inputs that are not finite, or of no inputs, is none', () => {
    expect(hessianOf(Float32Array.of(1, 0, 0, Number.NaN), 2, 1)).toBeUndefined()
    expect(hessianOf(new Float32Array(4), 2, 1)).toBeUndefined()
  })
})

describe('a matrix that is not definite', () => {
  const rules = { dampPercent: 0.05, dampAutoIncrement: 0.05 }
  const hessianWith = (offDiagonal: number) => ({
    size: 2,
    values: shared(Float32Array.of(1, offDiagonal, offDiagonal, 1)),
    diagonal: Float32Array.of(1, 1),
    dead: new Uint8Array(2),
  })
  const factorOf = (hessian: ReturnType<typeof hessianWith>) => {
    const plain = columnOrder(hessian.diagonal, {
      groupSize: 2,
      ungrouped: false,
      descAct: false,
      actGroupAware: false,
      staticGroups: false,
    })
    return factorize(hessian, plain, { target: hessian.values, rules, pool })
  }

  test('is damped until it is, and its factor takes its place', async () => {
    const hessian = hessianWith(1.2)
    const factor = (await factorOf(hessian))!
    expect(factor.dampPercent).toBeGreaterThan(0.2 - 1e-9)
    expect(factor.values).toBe(hessian.values)
    expect(hessian.values[2]).toBe(0)
  })

  test('that no damping helps stays as it was', async () => {
    const hessian = hessianWith(5)
    expect(await factorOf(hessian)).toBeUndefined()
    expect([...hessian.values]).toEqual([1, 5, 5, 1])
  })
})
