import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf, hessianOf, packed, permutation, seed, unpacked } from './gptq.fixture.js'
import { lowerPanels, reference, runKernel, triangleLength, upperPanels } from './index.js'

/** Inputs of the kernel for a dense Hessian, whose diagonal it is given once more. */
function inputsOf(hessian: Float32Array, order: Int32Array, panelRows: number): Uint8Array[] {
  const size = order.length
  const diagonal = Float32Array.from({ length: size }, (_, i) => hessian[i * size + i]!)
  return [bytesOf(packed(hessian, lowerPanels(size, panelRows))), bytesOf(diagonal), bytesOf(order)]
}

describe('triangles in panels', () => {
  it('take the same room whether lower or upper, and hold every entry once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 40 }), (size, panelRows) => {
        for (const panels of [lowerPanels(size, panelRows), upperPanels(size, panelRows)]) {
          const { first, end, width, offset } = panels.at(-1)!
          expect(offset + (end - first) * width).toBe(triangleLength(size, panelRows))
          const isKept = (i: number, j: number) =>
            panels.some(
              ({ first, end, left, width }) => i >= first && i < end && j >= left && j < left + width,
            )
          const lower = panels[0]!.left === 0 && panels.at(-1)!.left === 0
          for (let i = 0; i < size; i++) expect(lower ? isKept(i, 0) : isKept(i, size - 1)).toBe(true)
          for (let i = 0; i < size; i++) expect(isKept(i, i)).toBe(true)
        }
      }),
    )
  })
})

describe('gptqFactor', () => {
  it('agrees with its formula at sizes around its bands, in any order and in panels of any height', () => {
    const size = fc.constantFrom(1, 2, 63, 64, 65, 129, 190)
    fc.assert(
      fc.property(size, fc.constantFrom(1, 64, 100, 512), seed, (size, panelRows, seed) => {
        const inputs = inputsOf(hessianOf(size, size + 20, seed), permutation(size, seed), panelRows)
        const fast = new Float32Array(triangleLength(size, panelRows))
        const plain = new Float32Array(fast.length)
        const params = { size, panelRows, damping: 0.01 }
        expect(runKernel('gptqFactor', params, inputs, [bytesOf(fast)])).toEqual({ nonFinite: 0 })
        reference.gptqFactor(params, inputs, [bytesOf(plain)])
        const largest = plain.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        for (const [i, value] of fast.entries())
          expect(Math.abs(value - plain[i]!)).toBeLessThan(1e-6 * largest)
      }),
      { numRuns: 16 },
    )
  })

  it('returns an upper factor of the inverse: U·H·Uᵀ is the identity', () => {
    const [size, panelRows] = [130, 48]
    const hessian = hessianOf(size, 200, 5)
    const order = Int32Array.from({ length: size }, (_, i) => i)
    const factor = new Float32Array(triangleLength(size, panelRows))
    const params = { size, panelRows, damping: 0.1 }
    runKernel('gptqFactor', params, inputsOf(hessian, order, panelRows), [bytesOf(factor)])
    const u = unpacked(factor, upperPanels(size, panelRows))
    const product = (row: number, column: number): number => {
      let sum = 0
      for (let i = row; i < size; i++) {
        for (let j = column; j < size; j++) {
          const damped = hessian[i * size + j]! + (i === j ? 0.1 : 0)
          sum += u[row * size + i]! * damped * u[column * size + j]!
        }
      }
      return sum
    }
    for (const [row, column] of [
      [0, 0],
      [0, 7],
      [64, 64],
      [63, 65],
      [129, 129],
      [100, 2],
    ] as const) {
      expect(product(row, column)).toBeCloseTo(row === column ? 1 : 0, 4)
    }
    expect(u[5 * size + 4]).toBe(0)
  })

  it('takes the diagonal that it is given beside the matrix', () => {
    const hessian = Float32Array.of(7, 0, 0, 9)
    const inputs = [bytesOf(hessian), bytesOf(Float32Array.of(4, 16)), bytesOf(Int32Array.of(1, 0))]
    const factor = new Float32Array(4)
    runKernel('gptqFactor', { size: 2, panelRows: 2, damping: 0 }, inputs, [bytesOf(factor)])
    expect([factor[0], factor[3]]).toEqual([0.25, 0.5])
  })

  it('names the pivot of a matrix that is not definite, kernel and formula alike, and leaves the output alone', () => {
    const inputs = inputsOf(Float32Array.of(1, 2, 0, 2, 1, 0, 0, 0, 1), Int32Array.of(0, 1, 2), 2)
    const params = { size: 3, panelRows: 2, damping: 0 }
    const output = new Uint8Array(triangleLength(3, 2) * 4)
    expect(runKernel('gptqFactor', params, inputs, [output])).toEqual({ nonFinite: 3 })
    // Input and output share a place in the kernel: what comes back is the matrix, for another attempt.
    expect(output).toEqual(inputs[0])
    expect(reference.gptqFactor(params, inputs, [output])).toEqual({ nonFinite: 3 })
  })
})
