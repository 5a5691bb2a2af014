import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { readGoldenFile } from './golden-file.fixture.js'
import { FLOAT8_DTYPES, KernelArgumentError, reference, runKernel } from './index.js'
import { floatBytes } from './reference/float-formats.js'
import { anyBits, dtypes, encode, weights } from './weights.arbitrary.js'

// Kernels of torchao's packed four-bit weights, of its eight-bit floats, and of the layout its int8 product reads.

/** [rows, columns] -> [columns, rows], elements of `size` bytes. */
function transposed(bytes: Uint8Array, rows: number, size: number): Uint8Array {
  const columns = bytes.length / size / rows
  const result = new Uint8Array(bytes.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size
      result.set(bytes.subarray(from, from + size), (column * rows + row) * size)
    }
  }
  return result
}

const DTYPES = { f32: 'float32', bf16: 'bfloat16' } as const

describe('Int4WeightOnlyConfig, plain packing, equals the reference data', () => {
  const golden = readGoldenFile('torchao/int4_weight_only_plain')

  it.each([
    ['f32', 'g128', 128],
    ['f32', 'g32', 32],
    ['bf16', 'g128', 128],
    ['bf16', 'g32', 32],
  ] as const)('%s %s', (short, scheme, groupSize) => {
    const dtype = DTYPES[short]
    const shape = { rows: 8, columns: 256, groupSize }
    const [packed, scale, offset] = ['qdata', 'scale', 'zero_point'].map((part) =>
      golden.bytes(`${short}.${scheme}.${part}`),
    ) as [Uint8Array, Uint8Array, Uint8Array]
    const lengths = [packed, scale, offset].map(({ length }) => length)
    const { outputs } = expectEqualBytes(
      'int4OffsetQuantize',
      { dtype, ...shape },
      [golden.bytes(`${short}.w`)],
      lengths,
    )
    const size = floatBytes(dtype)
    expect(outputs).toEqual([packed, ...[scale, offset].map((t) => transposed(t, 256 / groupSize, size))])

    const restored = golden.bytes(`${short}.${scheme}.dequant_f32`)
    const params = { ...shape, outFeatures: 8, first: 0, scaleDtype: dtype, dtype: 'float32' }
    const back = expectEqualBytes('int4OffsetDequantize', params, [packed, scale, offset], [restored.length])
    expect(back.outputs).toEqual([restored])
    const rows = packed.subarray(3 * 128, 5 * 128)
    const some = expectEqualBytes(
      'int4OffsetDequantize',
      { ...params, rows: 2, first: 3 },
      [rows, scale, offset],
      [2 * 1024],
    )
    expect(some.outputs).toEqual([restored.subarray(3 * 1024, 5 * 1024)])
  })

  it('the worked example: codes, scale and offset of two rows', () => {
    const weight = encode('float32', [0.5, -1, 0.25, 0.75, 0, 2, -0.125, 1])
    const params = { dtype: 'float32', rows: 2, columns: 4, groupSize: 4 }
    const { outputs } = expectEqualBytes('int4OffsetQuantize', params, [weight], [4, 8, 8])
    expect([...outputs[0]!]).toEqual([0x85, 0x73, 0x79, 0x08])
    expect(new Float32Array(outputs[1]!.buffer)).toEqual(Float32Array.of(0.11666667, 0.14166667))
    expect(new Float32Array(outputs[2]!.buffer)).toEqual(Float32Array.of(-0.06666666, 1.0083333))
  })

  it('needs groups of an even number of columns, which begin with a byte', () => {
    const call = () =>
      runKernel('int4OffsetQuantize', { dtype: 'float32', rows: 1, columns: 6, groupSize: 3 }, [], [])
    expect(call).toThrow(KernelArgumentError)
  })
})

describe('float8 equals the reference data', () => {
  const golden = readGoldenFile('torchao/float8_e4m3')

  it.each([
    ['f32', 'per_row', 64],
    ['bf16', 'per_row', 64],
  ] as const)('%s %s', (short, scheme, groupSize) => {
    const params = { rows: 16, columns: 64, groupSize, codeDtype: 'float8_e4m3fn', dtype: 'float32' }
    const inputs = ['qdata', 'scale'].map((part) => golden.bytes(`${short}.${scheme}.${part}`))
    const { outputs, nonFinite } = expectEqualBytes('float8Dequantize', params, inputs, [4096])
    expect(outputs).toEqual([golden.bytes(`${short}.${scheme}.dequant_f32`)])
    expect(nonFinite).toBe(0)
  })

  it('every code: numbers, the one NaN of e4m3, the infinities of e5m2', () => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const read = (codeDtype: string) => {
      const params = { rows: 1, columns: 256, groupSize: 256, codeDtype, dtype: 'float32' }
      return new Float32Array(
        expectEqualBytes('float8Dequantize', params, [codes, encode('float32', [1])], [1024]).outputs[0]!
          .buffer,
      )
    }
    const [e4m3, e5m2] = [read('float8_e4m3fn'), read('float8_e5m2')]
    expect([e4m3[0x01], e4m3[0x38], e4m3[0x7e], e4m3[0xb8], e4m3[0x7f]]).toEqual([
      2 ** -9,
      1,
      448,
      -1,
      Number.NaN,
    ])
    expect([e5m2[0x01], e5m2[0x3c], e5m2[0x7b], e5m2[0xfc]]).toEqual([2 ** -16, 1, 57344, -Infinity])
  })

  it('a group of scale 0 is 0, whatever its codes say; a NaN elsewhere is counted', () => {
    const params = { rows: 2, columns: 2, groupSize: 2, codeDtype: 'float8_e4m3fn', dtype: 'float32' }
    const inputs = [Uint8Array.of(0x7f, 0x7f, 0x38, 0x7f), encode('float32', [0, 2])]
    const { outputs, nonFinite } = expectEqualBytes('float8Dequantize', params, inputs, [16])
    expect([...new Float32Array(outputs[0]!.buffer)]).toEqual([0, 0, 2, Number.NaN])
    expect(nonFinite).toBe(1)
  })
})

describe('every kernel gives the bytes of its formula', () => {
  const even = fc.integer({ min: 1, max: 20 }).map((half) => half * 2)
  const extent = fc.record({
    dtype: dtypes,
    rows: fc.integer({ min: 0, max: 4 }),
    groups: fc.integer({ min: 0, max: 3 }),
    groupSize: even,
  })

  it('int4OffsetQuantize, of anything', () => {
    const call = extent.chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.array(weights(shape.dtype, shape.groupSize), {
          minLength: shape.rows * shape.groups,
          maxLength: shape.rows * shape.groups,
        }),
      ),
    )
    fc.assert(
      fc.property(call, ([{ dtype, rows, groups, groupSize }, parts]) => {
        const params = { dtype, rows, columns: groups * groupSize, groupSize }
        const scales = rows * groups * floatBytes(dtype)
        const lengths = [(rows * groups * groupSize) / 2, scales, scales]
        expectEqualBytes('int4OffsetQuantize', params, [new Uint8Array(Buffer.concat(parts))], lengths)
      }),
      { numRuns: 500 },
    )
  })

  it('int4OffsetDequantize, of any bits', () => {
    const call = extent.chain((shape) => {
      const { rows, groups, groupSize, dtype } = shape
      const codes = fc.uint8Array({
        minLength: (rows * groups * groupSize) / 2,
        maxLength: (rows * groups * groupSize) / 2,
      })
      const before = fc.integer({ min: 0, max: 2 })
      return fc
        .tuple(fc.constant(shape), codes, before, dtypes)
        .chain(([, , first]) =>
          fc.tuple(
            fc.constant({ ...shape, first, outFeatures: first + rows + 1 }),
            codes,
            anyBits(dtype, groups * (first + rows + 1)),
            anyBits(dtype, groups * (first + rows + 1)),
            dtypes,
          ),
        )
    })
    fc.assert(
      fc.property(call, ([{ dtype: scaleDtype, groups, ...shape }, codes, scale, offset, dtype]) => {
        const columns = groups * shape.groupSize
        const params = { ...shape, columns, scaleDtype, dtype }
        const length = shape.rows * columns * floatBytes(dtype)
        expectEqualBytes('int4OffsetDequantize', params, [codes, scale, offset], [length])
      }),
      { numRuns: 300 },
    )
  })

  it('float8Dequantize, of any bits', () => {
    const call = fc
      .record({
        rows: fc.integer({ min: 0, max: 3 }),
        groups: fc.integer({ min: 0, max: 3 }),
        groupSize: fc.integer({ min: 1, max: 20 }),
        codeDtype: fc.constantFrom(...FLOAT8_DTYPES),
        dtype: dtypes,
      })
      .chain((shape) => {
        const scales = shape.rows * shape.groups
        const length = scales * shape.groupSize
        return fc.tuple(
          fc.constant(shape),
          fc.uint8Array({ minLength: length, maxLength: length }),
          fc.oneof(anyBits('float32', scales), fc.constant(new Uint8Array(scales * 4))),
        )
      })
    fc.assert(
      fc.property(call, ([{ groups, ...shape }, codes, scales]) => {
        const params = { ...shape, columns: groups * shape.groupSize }
        expectEqualBytes(
          'float8Dequantize',
          params,
          [codes, scales],
          [codes.length * floatBytes(shape.dtype)],
        )
      }),
      { numRuns: 300 },
    )
  })

  it.each(['transposeCodes', 'transposeBytes'] as const)('%s, of tiles and what is left of them', (name) => {
    const shape = fc.record({
      rows: fc.integer({ min: 0, max: 150 }),
      columns: fc.integer({ min: 0, max: 150 }),
    })
    const call = shape.chain((size) =>
      fc.tuple(
        fc.constant(size),
        fc.uint8Array({ minLength: size.rows * size.columns, maxLength: size.rows * size.columns }),
      ),
    )
    fc.assert(
      fc.property(call, ([size, codes]) => {
        const { outputs } = expectEqualBytes(name, size, [codes], [codes.length])
        const back = new Uint8Array(codes.length)
        reference[name]({ rows: size.columns, columns: size.rows }, outputs, [back])
        expect(back).toEqual(codes)
      }),
      { numRuns: 60 },
    )
  })
})
