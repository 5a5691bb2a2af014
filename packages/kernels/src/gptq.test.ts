import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type KernelParams, type KernelResult, reference, runKernel } from './index.js'
import type { GptqGridParams } from './reference/gptq-grid.js'
import { dtypes, encode } from './weights.arbitrary.js'

type Formula = (params: never, ...bytes: [readonly Uint8Array[], readonly Uint8Array[]]) => KernelResult
const formulas: Readonly<Record<string, Formula>> = reference

/** Runs kernel and formula on memory filled with different garbage; every byte and the count must agree. */
function expectEqualBytes(
  kernel: string,
  params: KernelParams,
  inputs: readonly Uint8Array[],
  outputLengths: readonly number[],
): void {
  const fast = outputLengths.map((length) => new Uint8Array(length).fill(0xa5))
  const plain = outputLengths.map((length) => new Uint8Array(length).fill(0x5a))
  const fastResult = runKernel(kernel, params, inputs, fast)
  expect(fastResult).toEqual(formulas[kernel]!(params as never, inputs, plain))
  for (const [i, bytes] of fast.entries())
    if (Buffer.compare(bytes, plain[i]!) !== 0) expect(bytes).toEqual(plain[i])
}

const bytesOf = (values: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** Smooth numbers of both signs from a seed: weights, and factors that are well away from 0 on the diagonal. */
const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7) * (1 + ((seed + i) % 5)))

function upperFactor(size: number, seed: number): Float32Array {
  const factor = numbers(size * size, seed).map((value) => value * 0.1)
  for (let i = 0; i < size; i++) {
    factor.fill(0, i * size, i * size + i)
    factor[i * size + i] = 1 + Math.abs(factor[i * size + i]!)
  }
  return factor
}

/** A permutation of 0..count-1. */
function permutation(count: number, seed: number): Int32Array {
  const keys = numbers(count, seed)
  return Int32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b)
}

/** H = XᵀX / rows, float32. */
function hessianOf(size: number, rows: number, seed: number): Float32Array {
  const x = Float64Array.from({ length: rows * size }, (_, i) => Math.sin(seed + i * i * 0.37))
  const h = new Float32Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let t = 0; t < rows; t++) sum += x[t * size + i]! * x[t * size + j]!
      h[i * size + j] = sum / rows
    }
  }
  return h
}

const bits = fc.constantFrom(2, 3, 4, 8)
const seed = fc.integer({ min: 0, max: 1000 })
const grid: fc.Arbitrary<GptqGridParams> = fc.record({
  bits,
  symmetric: fc.boolean(),
  oneSided: fc.boolean(),
  minimumZero: fc.constantFrom(0, 1),
  searchExponent: fc.constant(0),
  roundScales: fc.boolean(),
})

describe('kernels of GPTQ give the bytes of their formulas', () => {
  it('gptqGrid: every dtype, short last groups, rows that do not fill a vector, positive rows', () => {
    const call = fc.record({
      grid,
      dtype: dtypes,
      rows: fc.integer({ min: 0, max: 9 }),
      columns: fc.integer({ min: 1, max: 70 }),
      groupSize: fc.constantFrom(8, 16, 32, 100),
      seed,
      lift: fc.constantFrom(0, 6),
    })
    fc.assert(
      fc.property(call, ({ grid, dtype, rows, columns, groupSize, seed, lift }) => {
        const weight = encode(
          dtype,
          [...numbers(rows * columns, seed)].map((value) => value + lift),
        )
        const groups = rows * Math.ceil(columns / groupSize)
        const params = { ...grid, dtype, rows, columns, groupSize }
        expectEqualBytes('gptqGrid', params, [weight], [rows * columns, groups * 4, groups])
      }),
    )
  })

  it('gptqGrid counts rows that hold a NaN or an infinity', () => {
    const values = numbers(3 * 16, 1)
    values[20] = Number.NaN
    values[47] = Number.POSITIVE_INFINITY
    const shape = { dtype: 'float32', rows: 3, columns: 16, groupSize: 8 }
    const params = {
      ...shape,
      bits: 4,
      symmetric: true,
      oneSided: false,
      minimumZero: 0,
      searchExponent: 0,
      roundScales: false,
    }
    const outputs = [new Uint8Array(48), new Uint8Array(24), new Uint8Array(6)]
    expect(runKernel('gptqGrid', params, [bytesOf(values)], outputs)).toEqual({ nonFinite: 2 })
  })

  it('gptqGrid searches the scale like the formula', () => {
    const values = numbers(5 * 32, 3)
    const params = {
      dtype: 'float32',
      rows: 5,
      columns: 32,
      groupSize: 16,
      bits: 3,
      symmetric: false,
      oneSided: false,
      minimumZero: 0,
      searchExponent: 2,
      roundScales: false,
    }
    expectEqualBytes('gptqGrid', params, [bytesOf(values)], [160, 40, 10])
  })

  it('gptqRows: permuted columns, dead columns, blocks that groups straddle, parameters found or given', () => {
    const call = fc.record({
      grid,
      dtype: dtypes,
      rows: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 300 }),
      groupSize: fc.constantFrom(16, 32, 160),
      given: fc.boolean(),
      seed,
    })
    fc.assert(
      fc.property(call, ({ grid, dtype, rows, columns, groupSize, given, seed }) => {
        const groups = Math.ceil(columns / groupSize)
        const order = permutation(columns, seed)
        const groupOf = Int32Array.from(order, (column, p) => Math.floor((given ? column : p) / groupSize))
        const inputs = [
          encode(dtype, [...numbers(rows * columns, seed)]),
          bytesOf(upperFactor(columns, seed)),
          bytesOf(order),
          bytesOf(groupOf),
          Uint8Array.from({ length: columns }, (_, column) => Number(column % 11 === 3)),
        ]
        if (given) {
          inputs.push(bytesOf(numbers(rows * groups, seed).map((value) => Math.abs(value) + 0.01)))
          inputs.push(new Uint8Array(rows * groups).fill(2 ** (grid.bits - 1)))
        }
        const params = { ...grid, dtype, rows, columns, groups, groupSize }
        const outputs = [rows * columns, rows * groups * 4, rows * groups, rows * 8]
        expectEqualBytes('gptqRows', params, inputs, outputs)
      }),
      { numRuns: 40 },
    )
  })

  it('packColumns, unpackColumns and dequantizeColumns: every width, rows in the middle, groups out of order', () => {
    const call = fc.record({
      bits,
      totalRows: fc.integer({ min: 1, max: 40 }),
      columns: fc.integer({ min: 1, max: 80 }),
      minusOne: fc.boolean(),
      scaleDtype: dtypes,
      mapped: fc.boolean(),
      seed,
    })
    fc.assert(
      fc.property(call, ({ bits, totalRows, columns, minusOne, scaleDtype, mapped, seed }) => {
        const codes = Uint8Array.from({ length: totalRows * columns }, (_, i) => (i * 7 + seed) % 2 ** bits)
        const words = new Uint8Array(Math.ceil((columns * bits) / 32) * totalRows * 4)
        expectEqualBytes('packColumns', { bits, rows: totalRows, columns }, [codes], [words.length])
        runKernel('packColumns', { bits, rows: totalRows, columns }, [codes], [words])
        const [first, rows] = [Math.floor(totalRows / 3), totalRows - Math.floor(totalRows / 3)]
        const order = bytesOf(permutation(columns, seed))
        const unpack = { bits, totalRows, columns, first, rows, rowBytes: columns + 3, subtract: 8 }
        expectEqualBytes('unpackColumns', unpack, mapped ? [words, order] : [words], [rows * (columns + 3)])
        const groups = Math.ceil(columns / 16)
        const zeros = Uint8Array.from(
          { length: groups * Math.ceil((totalRows * bits) / 32) * 4 },
          (_, i) => i * 31 + seed,
        )
        const scales = encode(scaleDtype, [...numbers(groups * totalRows, seed)])
        const groupOf = bytesOf(
          Int32Array.from({ length: columns }, (_, k) => ((k * 5) % groups) - (k % 2 === 0 ? 0 : groups)),
        )
        expectEqualBytes(
          'dequantizeColumns',
          { bits, totalRows, columns, first, rows, groups, groupSize: 16, scaleDtype, minusOne },
          mapped ? [words, zeros, scales, groupOf] : [words, zeros, scales],
          [rows * columns * 4],
        )
      }),
    )
  })

  it('unpacks what it packed', () => {
    fc.assert(
      fc.property(
        bits,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 70 }),
        (bits, rows, columns) => {
          const codes = Uint8Array.from({ length: rows * columns }, (_, i) => (i * 13) % 2 ** bits)
          const words = new Uint8Array(Math.ceil((columns * bits) / 32) * rows * 4)
          runKernel('packColumns', { bits, rows, columns }, [codes], [words])
          const back = new Uint8Array(rows * columns)
          runKernel(
            'unpackColumns',
            { bits, totalRows: rows, columns, first: 0, rows, rowBytes: columns, subtract: 0 },
            [words],
            [back],
          )
          expect(back).toEqual(codes)
        },
      ),
    )
  })
})

describe('gptqFactor', () => {
  it('agrees with its formula at sizes around its bands, in any order', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 63, 64, 65, 129, 190), seed, (size, seed) => {
        const hessian = bytesOf(hessianOf(size, size + 20, seed))
        const order = bytesOf(permutation(size, seed))
        const fast = new Float32Array(size * size)
        const plain = new Float32Array(size * size)
        const params = { size, damping: 0.01 }
        expect(runKernel('gptqFactor', params, [hessian, order], [bytesOf(fast)])).toEqual({ nonFinite: 0 })
        reference.gptqFactor(params, [hessian, order], [bytesOf(plain)])
        const largest = plain.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        for (const [i, value] of fast.entries())
          expect(Math.abs(value - plain[i]!)).toBeLessThan(1e-6 * largest)
      }),
      { numRuns: 12 },
    )
  })

  it('returns an upper factor of the inverse: U·H·Uᵀ is the identity', () => {
    const size = 130
    const hessian = hessianOf(size, 200, 5)
    const order = Int32Array.from({ length: size }, (_, i) => i)
    const u = new Float32Array(size * size)
    runKernel('gptqFactor', { size, damping: 0.1 }, [bytesOf(hessian), bytesOf(order)], [bytesOf(u)])
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

  it('names the pivot of a matrix that is not definite, kernel and formula alike', () => {
    const hessian = Float32Array.of(1, 2, 0, 2, 1, 0, 0, 0, 1)
    const order = Int32Array.of(0, 1, 2)
    const call = [[bytesOf(hessian), bytesOf(order)], [new Uint8Array(36)]] as const
    expect(runKernel('gptqFactor', { size: 3, damping: 0 }, ...call)).toEqual({ nonFinite: 3 })
    expect(reference.gptqFactor({ size: 3, damping: 0 }, ...call)).toEqual({ nonFinite: 3 })
  })
})
