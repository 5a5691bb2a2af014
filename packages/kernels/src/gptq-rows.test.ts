import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { bytesOf, grid, hessianOf, numbers, packed, permutation, seed, upperFactor } from './gptq.fixture.js'
import { lowerPanels, reference, runKernel, upperPanels } from './index.js'

/** Everything the column loop wants to know, for a weight of `rows` rows. */
function problem(rows: number, columns: number, groupSize: number, given: boolean, seed: number) {
  const groups = Math.ceil(columns / groupSize)
  const order = permutation(columns, seed)
  const groupOf = Int32Array.from(order, (column, p) => Math.floor((given ? column : p) / groupSize))
  const scales = numbers(rows * groups, seed).map((value) => Math.abs(value) + 0.01)
  return { groups, order, groupOf, scales, state: numbers(rows * columns, seed) }
}

describe('gptqRows', () => {
  it('gives the bytes of its formula: permuted columns, groups over blocks, grids found or known', () => {
    const call = fc.record({
      grid,
      rows: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 300 }),
      groupSize: fc.constantFrom(16, 32, 160),
      given: fc.boolean(),
      seed,
    })
    fc.assert(
      fc.property(call, ({ grid, rows, columns, groupSize, given, seed }) => {
        const { groups, order, groupOf, scales, state } = problem(rows, columns, groupSize, given, seed)
        const panel = upperPanels(columns, 128).at(seed % Math.ceil(columns / 128))!
        const factor = packed(upperFactor(columns, seed), [panel])
        const zeros = new Uint8Array(rows * groups).fill(2 ** (grid.bits - 1))
        const inputs = [...[state, factor, order, groupOf].map(bytesOf), bytesOf(scales), zeros]
        const { first, end } = panel
        const params = { ...grid, rows, columns, groups, groupSize, first, end, findGrids: !given }
        const outputs = [rows * columns * 4, rows * groups * 4, rows * groups, rows * 8]
        expectEqualBytes('gptqRows', params, inputs, outputs)
      }),
      { numRuns: 40 },
    )
  })

  it('does in several calls what it does in one', () => {
    const [rows, columns, groupSize] = [9, 300, 160]
    const { groups, order, groupOf, state } = problem(rows, columns, groupSize, false, 4)
    const dense = upperFactor(columns, 4)
    const run = (panelRows: number) => {
      const values = bytesOf(state.slice())
      const scales = new Uint8Array(rows * groups * 4)
      const zeros = new Uint8Array(rows * groups)
      const losses = new Float64Array(rows)
      for (const panel of upperPanels(columns, panelRows)) {
        const { first, end } = panel
        const shape = { rows, columns, groups, groupSize, first, end, findGrids: true }
        const grid = { bits: 4, symmetric: false, oneSided: false, minimumZero: 0, searchExponent: 0 }
        const factor = bytesOf(packed(dense, [panel]))
        const inputs = [values, factor, bytesOf(order), bytesOf(groupOf), scales, zeros]
        const own = new Float64Array(rows)
        const outputs = [values, scales, zeros, new Uint8Array(own.buffer)]
        runKernel('gptqRows', { ...shape, ...grid, roundScales: false }, inputs, outputs)
        for (const [row, loss] of own.entries()) losses[row] = losses[row]! + loss
      }
      return { values, scales, zeros, losses }
    }
    const [whole, parts] = [run(384), run(128)]
    expect(parts.values).toEqual(whole.values)
    expect(parts.scales).toEqual(whole.scales)
    expect(parts.zeros).toEqual(whole.zeros)
    for (const [row, loss] of parts.losses.entries()) expect(loss).toBeCloseTo(whole.losses[row]!, 8)
    const codes = new Float32Array(whole.values.buffer)
    expect(codes.every((code) => Number.isInteger(code) && code >= 0 && code < 16)).toBe(true)
  })
})

describe('gptqEnergy', () => {
  it('adds up over panels to w·H·wᵀ, like its formula', () => {
    const [rows, columns, panelRows] = [7, 150, 64]
    const dense = hessianOf(columns, 200, 2)
    const weight = numbers(rows * columns, 5)
    const sums = { kernel: new Float64Array(rows), formula: new Float64Array(rows) }
    for (const panel of lowerPanels(columns, panelRows)) {
      const { first, end } = panel
      const inputs = [bytesOf(weight), bytesOf(packed(dense, [panel]))]
      const [fast, plain] = [new Float64Array(rows), new Float64Array(rows)]
      const params = { rows, columns, first, end }
      runKernel('gptqEnergy', params, inputs, [new Uint8Array(fast.buffer)])
      reference.gptqEnergy(params, inputs, [new Uint8Array(plain.buffer)])
      for (let row = 0; row < rows; row++) {
        sums.kernel[row] = sums.kernel[row]! + fast[row]!
        sums.formula[row] = sums.formula[row]! + plain[row]!
      }
    }
    for (let row = 0; row < rows; row++) {
      let energy = 0
      const w = weight.subarray(row * columns, (row + 1) * columns)
      for (let i = 0; i < columns; i++) {
        for (let j = 0; j < columns; j++) energy += w[i]! * dense[i * columns + j]! * w[j]!
      }
      expect(Math.abs(sums.formula[row]! / energy - 1)).toBeLessThan(1e-6)
      expect(Math.abs(sums.kernel[row]! / energy - 1)).toBeLessThan(1e-5)
    }
  })
})
