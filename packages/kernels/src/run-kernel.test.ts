import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { bfloat16ToFloat32, float16ToFloat32, INT_MAPPINGS, runKernel } from './index.js'
import { type FloatDtype, floatBytes } from './reference/float-formats.js'
import { anyBits, dtypes, encode, weights } from './weights.arbitrary.js'

const decode16 = { float16: float16ToFloat32, bfloat16: bfloat16ToFloat32 }

function float32Bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!
}

const rows = fc.integer({ min: 0, max: 4 })
const columns = fc.integer({ min: 0, max: 70 })
const matrix = fc
  .record({ dtype: dtypes, rows, columns })
  .chain((shape) => fc.tuple(fc.constant(shape), rowsOf(shape.dtype, shape.rows, shape.columns)))

/** Each row is drawn on its own, so that one NaN does not hide the arithmetic of the others. */
function rowsOf(dtype: FloatDtype, count: number, length: number): fc.Arbitrary<Uint8Array> {
  return fc
    .array(weights(dtype, length), { minLength: count, maxLength: count })
    .map((parts) => new Uint8Array(Buffer.concat(parts)))
}

describe('every kernel gives the bytes of its formula', () => {
  it('copy', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expectEqualBytes('copy', {}, [bytes], [bytes.byteLength])
      }),
    )
  })

  it('cast, NaN payloads included', () => {
    const element = fc.record({ from: dtypes, to: dtypes, count: fc.integer({ min: 0, max: 40 }) })
    const call = element.chain((params) => fc.tuple(fc.constant(params), anyBits(params.from, params.count)))
    fc.assert(
      fc.property(call, ([{ from, to, count }, bytes]) => {
        expectEqualBytes('cast', { from, to }, [bytes], [count * floatBytes(to)])
      }),
      { numRuns: 300 },
    )
  })

  it('cast of every 16-bit pattern', () => {
    const patterns = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer)
    for (const [from, to] of [
      ['float16', 'float32'],
      ['float16', 'bfloat16'],
      ['bfloat16', 'float32'],
      ['bfloat16', 'float16'],
    ] as const) {
      expectEqualBytes('cast', { from, to }, [patterns], [65_536 * floatBytes(to)])
    }
  })

  it('cast to 16 bits at every boundary: each number, each tie, and one step to either side', () => {
    for (const to of ['float16', 'bfloat16'] as const) {
      // Half a step above each number of the format; 65536 stands where float16 has its infinity.
      const ties = Array.from({ length: to === 'float16' ? 0x7c00 : 0x7f80 }, (_, bits) => {
        const upper = to === 'float16' && bits === 0x7bff ? 65_536 : decode16[to](bits + 1)
        return to === 'float16' ? float32Bits((decode16[to](bits) + upper) / 2) : (bits << 16) + 0x8000
      })
      const around = ties.flatMap((tie) => [tie - 1, tie, tie + 1, (tie | 0x80000000) >>> 0])
      const bytes = new Uint8Array(Uint32Array.from(around).buffer)
      expectEqualBytes('cast', { from: 'float32', to }, [bytes], [around.length * 2])
    }
  })

  it('rowAbsMax', () => {
    fc.assert(
      fc.property(matrix, ([shape, bytes]) => {
        expectEqualBytes('rowAbsMax', shape, [bytes], [shape.rows * 4])
      }),
      { numRuns: 300 },
    )
  })

  it('int8Rows, with and without zero points', () => {
    fc.assert(
      fc.property(matrix, fc.boolean(), ([shape, bytes], withZeroPoints) => {
        const lengths = [shape.rows * shape.columns, shape.rows * 4, shape.rows]
        expectEqualBytes('int8Rows', shape, [bytes], withZeroPoints ? lengths : lengths.slice(0, 2))
      }),
      { numRuns: 500 },
    )
  })

  it('intGroups, every mapping, width, scale dtype and group size', () => {
    const shape = fc.record({
      dtype: dtypes,
      scaleDtype: dtypes,
      rows,
      groupSize: fc.oneof(fc.constantFrom(8, 16, 32), fc.integer({ min: 1, max: 40 })),
      groups: fc.integer({ min: 0, max: 3 }),
      bits: fc.integer({ min: 1, max: 8 }),
      mapping: fc.constantFrom(...INT_MAPPINGS),
      eps: fc.constantFrom('tiny', 'epsilon', 'float32Epsilon'),
    })
    const call = shape
      .filter(({ bits, mapping }) => bits > 1 || mapping !== 'symmetricNoClippingErr')
      .chain((params) =>
        fc.tuple(fc.constant(params), rowsOf(params.dtype, params.rows * params.groups, params.groupSize)),
      )
    fc.assert(
      fc.property(call, ([{ groups, ...params }, bytes]) => {
        const scales = params.rows * groups
        const count = scales * params.groupSize
        const full = { ...params, columns: groups * params.groupSize }
        expectEqualBytes('intGroups', full, [bytes], [count, scales * floatBytes(params.scaleDtype), scales])
      }),
      { numRuns: 1500 },
    )
  })

  it('eightBitBlocks, both halves', () => {
    const shape = fc.record({
      dtype: dtypes,
      rows,
      groupSize: fc.oneof(fc.constantFrom(8, 32), fc.integer({ min: 1, max: 40 })),
      groups: fc.integer({ min: 0, max: 3 }),
    })
    const call = shape.chain((params) =>
      fc.tuple(fc.constant(params), rowsOf(params.dtype, params.rows * params.groups, params.groupSize)),
    )
    fc.assert(
      fc.property(call, ([{ groups, ...params }, bytes]) => {
        const scales = params.rows * groups
        const full = { ...params, columns: groups * params.groupSize }
        expectEqualBytes('eightBitBlocks', { ...full, part: 'codes' }, [bytes], [scales * params.groupSize])
        expectEqualBytes('eightBitBlocks', { ...full, part: 'scales' }, [bytes], [scales * 4])
      }),
      { numRuns: 300 },
    )
  })

  it('dequantizeRows, whatever the scale holds', () => {
    const shape = fc.record({
      rows,
      groupSize: fc.integer({ min: 1, max: 40 }),
      groups: fc.integer({ min: 0, max: 3 }),
      scaleDtype: dtypes,
      dtype: dtypes,
    })
    const call = shape.chain((params) => {
      const scales = params.rows * params.groups
      const codes = scales * params.groupSize
      return fc.tuple(
        fc.constant(params),
        fc.uint8Array({ minLength: codes, maxLength: codes }),
        weights(params.scaleDtype, scales),
        fc.uint8Array({ minLength: scales, maxLength: scales }),
        fc.boolean(),
      )
    })
    fc.assert(
      fc.property(call, ([{ groups, ...params }, codes, scales, zeroPoints, withZeroPoints]) => {
        const inputs = withZeroPoints ? [codes, scales, zeroPoints] : [codes, scales]
        const full = { ...params, columns: groups * params.groupSize }
        expectEqualBytes('dequantizeRows', full, inputs, [codes.byteLength * floatBytes(params.dtype)])
      }),
      { numRuns: 500 },
    )
  })

  it('packNibbles, padded and with codes out of range', () => {
    const shape = fc.record({ rows, columns, blockSize: fc.constantFrom(2, 16, 32, 128) })
    const call = shape.chain((params) => {
      const count = params.rows * params.columns
      return fc.tuple(fc.constant(params), fc.uint8Array({ minLength: count, maxLength: count }))
    })
    fc.assert(
      fc.property(call, ([params, codes]) => {
        const rowBytes = (Math.ceil(params.columns / params.blockSize) * params.blockSize) / 2
        expectEqualBytes('packNibbles', params, [codes], [params.rows * rowBytes])
      }),
      { numRuns: 300 },
    )
  })
})

describe('results worked out by hand', () => {
  it('int8Rows: the worked example of torchao, in float32', () => {
    const weight = encode('float32', [0.5, -1, 0.25, 0.75, 0, 2, -0.125, 1])
    const codes = new Uint8Array(8)
    const scales = new Uint8Array(8)
    const zeroPoints = new Uint8Array(2).fill(9)
    const params = { dtype: 'float32', rows: 2, columns: 4 }
    expect(runKernel('int8Rows', params, [weight], [codes, scales, zeroPoints])).toEqual({ nonFinite: 0 })
    expect([...new Int8Array(codes.buffer)]).toEqual([64, -127, 32, 96, 0, 127, -8, 64])
    expect([...new Uint32Array(scales.buffer)]).toEqual([0x3c008081, 0x3c808081])
    expect([...zeroPoints]).toEqual([0, 0])
  })

  it.each([
    ['symmetric', [4, -7, 2, 6, 0, 7, 0, 4], [0, 0]],
    ['symmetricNoClippingErr', [4, -8, 2, 6, 0, 7, 0, 3], [0, 0]],
    ['asymmetric', [5, -8, 3, 7, -7, 7, -8, 0], [1, -7]],
  ])('intGroups, four bits, %s', (mapping, expectedCodes, expectedZeros) => {
    const weight = encode('float32', [0.5, -1, 0.25, 0.75, 0, 2, -0.125, 1])
    const codes = new Uint8Array(8)
    const zeroPoints = new Uint8Array(2)
    const params = { dtype: 'float32', rows: 1, columns: 8, groupSize: 4, bits: 4, mapping, eps: 'tiny' }
    runKernel('intGroups', params, [weight], [codes, new Uint8Array(8), zeroPoints])
    expect([...new Int8Array(codes.buffer)]).toEqual(expectedCodes)
    expect([...new Int8Array(zeroPoints.buffer)]).toEqual(expectedZeros)
  })

  it('a row of zeros gets codes 0 and the smallest scale, not a division by zero', () => {
    const codes = new Uint8Array(4).fill(1)
    const scale = new Uint8Array(4)
    runKernel('int8Rows', { dtype: 'bfloat16', rows: 1, columns: 4 }, [new Uint8Array(8)], [codes, scale])
    expect([...codes]).toEqual([0, 0, 0, 0])
    expect(new Float32Array(scale.buffer)[0]).toBe(2 ** -23)
  })

  it.each([Number.NaN, Infinity, -Infinity])('a row that holds %s is counted and marked', (poison) => {
    const codes = new Uint8Array(4).fill(1)
    const scales = new Uint8Array(8)
    const weight = encode('float16', [1, poison, 1, 2])
    const result = runKernel('int8Rows', { dtype: 'float16', rows: 2, columns: 2 }, [weight], [codes, scales])
    expect(result).toEqual({ nonFinite: 1 })
    expect([...codes.slice(0, 2)]).toEqual([0, 0])
    expect(new Uint32Array(scales.buffer)[0]).toBe(0x7fc00000)
    expect(codes[3]).toBe(127)
  })

  it('a range that overflows its dtype is refused like an infinity', () => {
    const weight = encode('float32', [3e38, -3e38])
    const params = {
      dtype: 'float32',
      rows: 1,
      columns: 2,
      groupSize: 2,
      bits: 8,
      mapping: 'asymmetric',
      eps: 'tiny',
    }
    const outputs = [new Uint8Array(2), new Uint8Array(4), new Uint8Array(1)]
    expect(runKernel('intGroups', params, [weight], outputs)).toEqual({ nonFinite: 1 })
  })

  it('packNibbles puts the first column in the low nibble and pads with zeros', () => {
    const codes = Uint8Array.from(new Uint8Array(Int8Array.of(-8, 7, 0, 1, -1).buffer))
    const packed = new Uint8Array(4).fill(0xff)
    runKernel('packNibbles', { rows: 1, columns: 5, blockSize: 8 }, [codes], [packed])
    expect([...packed]).toEqual([0xf0, 0x98, 0x07, 0x00])
  })
})
