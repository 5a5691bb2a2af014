import fc from 'fast-check'
import { expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { AWQ_GEMM_SHIFTS, FLOAT8_DTYPES, LARGEST_FINITE } from './index.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

it.each([4, 8])("codes of %d bits are moved up from two's complement", (bits) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (codes) => {
      expectEqualBytes('offsetCodes', { bits }, [codes], [codes.length])
    }),
  )
  const [lowest] = expectEqualBytes('offsetCodes', { bits }, [Uint8Array.of(0x80)], [1]).outputs
  expect([...lowest!]).toEqual(bits === 8 ? [0] : [0x08])
})

it.each([true, false])(
  'codes of four bits become entries of a table, the first one high: %s',
  (firstHigh) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes(16), (packed, table) => {
        expectEqualBytes('nibbleBytes', { firstHigh }, [packed, table], [2 * packed.length])
      }),
    )
    const table = Uint8Array.from({ length: 16 }, (_, code) => 100 + code)
    const { outputs } = expectEqualBytes('nibbleBytes', { firstHigh }, [Uint8Array.of(0x21), table], [2])
    expect([...outputs[0]!]).toEqual(firstHigh ? [102, 101] : [101, 102])
  },
)

it('codes of one slab are taken from bytes that hold those of all, and stand around 8', () => {
  const call = fc.constantFrom(2 as const, 4 as const).chain((bits) => {
    const slab = fc.integer({ min: 0, max: 8 / bits - 1 })
    const even = fc.integer({ min: 0, max: 60 }).chain((pairs) => bytes(2 * pairs))
    return fc.record({ bits: fc.constant(bits), slab, stacked: even })
  })
  fc.assert(
    fc.property(call, ({ stacked, ...params }) => {
      expectEqualBytes('slabNibbles', params, [stacked], [stacked.length / 2])
    }),
  )
  const stacked = Uint8Array.of(0b1110_0100, 0b0001_1011)
  const codesOf = (bits: number, slab: number) =>
    expectEqualBytes('slabNibbles', { bits, slab }, [stacked], [1]).outputs[0]![0]!
  expect(codesOf(4, 0)).toBe(0b1011_0100)
  expect(codesOf(4, 1)).toBe(0b0001_1110)
  // -2 and 1, 8 more.
  expect(codesOf(2, 0)).toBe(0x96)
})

it('codes are given another scale, rounded half to even and within eight bits', () => {
  const call = fc.constantFrom(16, 48).chain((blockSize) => {
    const blocks = fc.integer({ min: 0, max: 4 })
    const ratio = fc.float({ min: -16, max: 16 })
    return blocks.chain((count) =>
      fc.tuple(
        fc.constant({ blocks: count, blockSize }),
        bytes(count * blockSize),
        fc.array(ratio, { minLength: count, maxLength: count }),
      ),
    )
  })
  fc.assert(
    fc.property(call, ([params, codes, ratios]) => {
      const scales = new Uint8Array(Float32Array.from(ratios).buffer)
      expectEqualBytes('scaleCodes', params, [codes, scales], [codes.length])
    }),
  )
  const halves = new Uint8Array(Float32Array.of(0.5).buffer)
  const codes = Uint8Array.from({ length: 16 }, (_, code) => code)
  const [scaled] = expectEqualBytes('scaleCodes', { blocks: 1, blockSize: 16 }, [codes, halves], [16]).outputs
  expect([...scaled!.subarray(0, 6)]).toEqual([128, 128, 129, 130, 130, 130])
})

it('words of AWQ are turned: codes of a row lie together, lowest first', () => {
  const shape = fc.record({
    rows: fc.integer({ min: 0, max: 5 }).map((count) => 8 * count),
    columns: fc.integer({ min: 0, max: 40 }).map((count) => 8 * count),
  })
  const call = shape.chain((size) => fc.tuple(fc.constant(size), bytes((size.rows * size.columns) / 2)))
  fc.assert(
    fc.property(call, ([size, words]) => {
      expectEqualBytes('awqCodes', { ...size }, [words], [words.length])
    }),
  )
  // Row 3 has code 9 in every column, all other rows have 0.
  const words = new Uint32Array(8).fill(9 << AWQ_GEMM_SHIFTS[3]!)
  const [codes] = expectEqualBytes(
    'awqCodes',
    { rows: 8, columns: 8 },
    [new Uint8Array(words.buffer)],
    [32],
  ).outputs
  expect([...codes!]).toEqual(Array.from({ length: 32 }, (_, at) => (at >> 2 === 3 ? 0x99 : 0)))
})

it.each(FLOAT8_DTYPES)('blocks of %s get the grid that loses less', (codeDtype) => {
  const tables = fc.tuple(
    fc.float64Array({ minLength: 64, maxLength: 64, noNaN: true, min: -1, max: 1 }),
    bytes(64),
  )
  const shape = fc.record({
    rows: fc.integer({ min: 0, max: 4 }),
    groups: fc.integer({ min: 1, max: 3 }),
    groupSize: fc.constantFrom(16, 32, 128),
    part: fc.constantFrom('codes', 'grids'),
  })
  const call = shape.chain(({ groups, ...rest }) => {
    const params = { ...rest, columns: groups * rest.groupSize, codeDtype }
    return fc.tuple(fc.constant(params), bytes(params.rows * params.columns), tables)
  })
  fc.assert(
    fc.property(call, ([params, codes, [values, entries]]) => {
      const advantages = Float64Array.from({ length: 128 * 256 }, (_, at) => values[at % 61]!)
      const levels = Uint8Array.from({ length: 2 * 128 * 256 }, (_, at) => entries[at % 63]!)
      const length = codes.length / (params.part === 'codes' ? 1 : params.groupSize)
      const { nonFinite } = expectEqualBytes(
        'float8Grids',
        params,
        [codes, new Uint8Array(advantages.buffer), levels],
        [length],
      )
      const isNumber = (code: number) => (code & 0x7f) <= LARGEST_FINITE[codeDtype]
      expect(nonFinite === 0).toBe(codes.every(isNumber))
    }),
    { numRuns: 60 },
  )
})
