import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { bits, bytesOf, grid, numbers, permutation, seed } from './gptq.fixture.js'
import { runKernel } from './index.js'
import { floatBytes } from './reference/float-formats.js'
import { findGrid, type Grid, gridCode, gridValue } from './reference/gptq-grid.js'
import { dtypes, encode, weights } from './weights.arbitrary.js'

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

  it('gptqGrid and gptqRound, of anything: NaN, infinities, zeros, subnormal numbers, one group or many', () => {
    const call = fc
      .record({
        grid,
        dtype: dtypes,
        from: dtypes,
        scaleDtype: dtypes,
        rows: fc.integer({ min: 1, max: 37 }),
        columns: fc.integer({ min: 1, max: 40 }),
        groupSize: fc.constantFrom(1, 3, 8, 16, 32, 100),
      })
      .chain((shape) => fc.tuple(fc.constant(shape), weights(shape.from, shape.rows * shape.columns)))
    fc.assert(
      fc.property(call, ([{ grid, from, scaleDtype, ...shape }, weight]) => {
        const { rows, columns, groupSize } = shape
        const groups = rows * Math.ceil(columns / groupSize)
        const plain = { ...grid, ...shape, dtype: from }
        expectEqualBytes('gptqGrid', plain, [weight], [rows * columns, groups * 4, groups])
        const words = Math.ceil((columns * grid.bits) / 32) * rows * 4
        const lengths = [words, groups * floatBytes(scaleDtype), groups]
        expectEqualBytes('gptqRound', { ...grid, ...shape, from, scaleDtype }, [weight], lengths)
      }),
      { numRuns: 300 },
    )
  })

  it('gptqRound stores what gptqGrid finds, with a search too', () => {
    const call = fc.record({
      grid,
      dtype: dtypes,
      from: dtypes,
      rows: fc.integer({ min: 1, max: 40 }),
      columns: fc.integer({ min: 1, max: 150 }),
      groupSize: fc.constantFrom(16, 32, 128),
      searchExponent: fc.constantFrom(1, 2.4),
      seed,
    })
    fc.assert(
      fc.property(call, ({ grid, dtype, from, rows, columns, groupSize, searchExponent, seed }) => {
        const groups = Math.ceil(columns / groupSize)
        const weight = encode(from, [...numbers(rows * columns, seed)])
        const rounded = new Uint8Array(rows * columns * floatBytes(dtype))
        if (dtype === from) rounded.set(weight)
        else runKernel('cast', { from, to: dtype }, [weight], [rounded])
        const params = { ...grid, searchExponent, dtype, rows, columns, groupSize }
        const rowwise = [rows * columns, rows * groups * 4, rows * groups].map((n) => new Uint8Array(n))
        runKernel('gptqGrid', params, [rounded], rowwise)
        const [codes, scales, zeros] = rowwise as [Uint8Array, Uint8Array, Uint8Array]
        const wordBytes = Math.ceil((columns * grid.bits) / 32) * rows * 4
        const made = [wordBytes, scales.length, zeros.length].map((n) => new Uint8Array(n))
        runKernel('gptqRound', { ...params, from, scaleDtype: 'float32' }, [weight], made)

        const wanted = [wordBytes, scales.length].map((n) => new Uint8Array(n))
        runKernel('packColumns', { bits: grid.bits, rows, columns }, [codes], [wanted[0]!])
        runKernel('transposeFloats', { dtype: 'float32', rows, columns: groups }, [scales], [wanted[1]!])
        wanted.push(zeros.map((_, at) => zeros[(at % rows) * groups + Math.floor(at / rows)]!))
        expect(made).toEqual(wanted)
      }),
      { numRuns: 50 },
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

  it('gptqGrid finds scales whose error is the least of all steps, for any exponent', () => {
    const call = fc.record({
      columns: fc.integer({ min: 1, max: 40 }),
      exponent: fc.constantFrom(0.5, 1, 2, 2.4, 4),
      symmetric: fc.boolean(),
      size: fc.constantFrom(1e-6, 0.02, 1, 300),
      seed,
    })
    fc.assert(
      fc.property(call, ({ columns, exponent, symmetric, size, seed }) => {
        const values = numbers(columns, seed).map((value) => value * size)
        const rules = { bits: 3, symmetric, oneSided: false, minimumZero: 0, roundScales: false }
        const params = { ...rules, searchExponent: exponent, rows: 1, columns, groupSize: columns }
        const scales = new Float32Array(1)
        const zeros = new Uint8Array(1)
        const outputs = [new Uint8Array(columns), bytesOf(scales), zeros]
        runKernel('gptqGrid', { ...params, dtype: 'float32' }, [bytesOf(values)], outputs)
        const errorOf = (grid: Grid) =>
          values.reduce((sum, value) => {
            const restored = gridValue(gridCode(value, grid, params.bits), grid)
            return sum + Math.abs(Math.fround(restored - value)) ** exponent
          }, 0)
        // The kernel's powers are approximations: another grid may be chosen, but none that is worse.
        const best = errorOf(findGrid(values, params))
        expect(errorOf({ scale: scales[0]!, zero: zeros[0]! })).toBeLessThanOrEqual(best * (1 + 1e-5))
      }),
    )
  })

  it('packColumns, unpackColumns, repackColumns and dequantizeColumns: every width, rows in the middle, groups out of order', () => {
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
        const { rowBytes: _, ...repack } = {
          ...unpack,
          blockSize: 16,
          subtract: bits < 4 ? 2 ** (bits - 1) : 8,
        }
        const packedBytes = (Math.ceil(columns / 16) * 16) / 2
        expectEqualBytes('repackColumns', repack, mapped ? [words, order] : [words], [rows * packedBytes])
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
