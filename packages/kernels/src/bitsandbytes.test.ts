import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { runKernel } from './index.js'
import { type FloatDtype, floatBytes } from './reference/float-formats.js'
import { anyBits, dtypes, encode, weights } from './weights.arbitrary.js'

/** Blocks are drawn one by one, so that a NaN in one does not hide the arithmetic of the others. */
function blocks(dtype: FloatDtype, count: number, blockSize: number): fc.Arbitrary<Uint8Array> {
  const sizes = Array.from({ length: Math.ceil(count / blockSize) }, (_, i) =>
    Math.min(blockSize, count - i * blockSize),
  )
  return fc
    .tuple(...sizes.map((size) => weights(dtype, size)))
    .map((parts) => new Uint8Array(Buffer.concat(parts)))
}

const quantType = fc.constantFrom('nf4', 'fp4')
const shape = { rows: fc.integer({ min: 0, max: 5 }), columns: fc.integer({ min: 0, max: 70 }) }
const blockSize = fc.constantFrom(32, 64, 128)

describe('every kernel gives the bytes of its formula', () => {
  it('bnb4Quantize: both types and profiles, blocks that cross rows, a short last block', () => {
    const params = fc.record({
      ...shape,
      dtype: dtypes,
      quantType,
      blockSize,
      profile: fc.constantFrom('cpu', 'cuda'),
    })
    const call = params.chain((p) =>
      fc.tuple(fc.constant(p), blocks(p.dtype, p.rows * p.columns, p.blockSize)),
    )
    fc.assert(
      fc.property(call, ([p, weight]) => {
        const count = p.rows * p.columns
        expectEqualBytes(
          'bnb4Quantize',
          p,
          [weight],
          [Math.ceil(count / 2), Math.ceil(count / p.blockSize) * 4],
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('bnb4Dequantize, whatever the scale holds', () => {
    const params = fc.record({ ...shape, dtype: dtypes, quantType, blockSize })
    const call = params.chain((p) => {
      const count = p.rows * p.columns
      const packed = fc.uint8Array({ minLength: Math.ceil(count / 2), maxLength: Math.ceil(count / 2) })
      return fc.tuple(fc.constant(p), packed, weights('float32', Math.ceil(count / p.blockSize)))
    })
    fc.assert(
      fc.property(call, ([p, packed, absMax]) => {
        expectEqualBytes('bnb4Dequantize', p, [packed, absMax], [p.rows * p.columns * floatBytes(p.dtype)])
      }),
      { numRuns: 500 },
    )
  })

  it('bnb8Quantize, every profile', () => {
    const params = fc.record({
      count: fc.integer({ min: 0, max: 300 }),
      blockSize: fc.constantFrom(16, 64, 256),
      profile: fc.constantFrom('cpu', 'cuda', 'operators'),
    })
    const call = params.chain((p) => fc.tuple(fc.constant(p), blocks('float32', p.count, p.blockSize)))
    fc.assert(
      fc.property(call, ([p, source]) => {
        expectEqualBytes('bnb8Quantize', p, [source], [p.count, Math.ceil(p.count / p.blockSize) * 4])
      }),
      { numRuns: 500 },
    )
  })

  it('bnb8Dequantize, with and without an offset, with any map', () => {
    const params = fc.record({ count: fc.integer({ min: 0, max: 300 }), blockSize: fc.constantFrom(64, 256) })
    const call = params.chain((p) =>
      fc.tuple(
        fc.constant(p),
        fc.uint8Array({ minLength: p.count, maxLength: p.count }),
        weights('float32', Math.ceil(p.count / p.blockSize)),
        anyBits('float32', 256),
        fc.option(weights('float32', 1), { nil: undefined }),
      ),
    )
    fc.assert(
      fc.property(call, ([p, codes, absMax, map, offset]) => {
        const inputs = offset === undefined ? [codes, absMax, map] : [codes, absMax, map, offset]
        expectEqualBytes('bnb8Dequantize', p, inputs, [p.count * 4])
      }),
    )
  })

  it('llmInt8Quantize and llmInt8Dequantize', () => {
    const call = fc
      .record({ ...shape, dtype: dtypes })
      .chain((p) => fc.tuple(fc.constant(p), blocks(p.dtype, p.rows * p.columns, Math.max(p.columns, 1))))
    fc.assert(
      fc.property(call, ([p, weight]) => {
        const count = p.rows * p.columns
        expectEqualBytes('llmInt8Quantize', p, [weight], [count, p.rows * 4])
        const codes = new Uint8Array(count)
        const absMax = new Uint8Array(p.rows * 4)
        runKernel('llmInt8Quantize', p, [weight], [codes, absMax])
        expectEqualBytes('llmInt8Dequantize', p, [codes, absMax], [count * floatBytes(p.dtype)])
      }),
      { numRuns: 500 },
    )
  })
})

describe('results worked out by hand', () => {
  it('bnb4Quantize puts the first element in the high nibble', () => {
    const packed = new Uint8Array(2)
    const absMax = new Uint8Array(4)
    const params = { dtype: 'float32', rows: 1, columns: 4, quantType: 'nf4', blockSize: 32, profile: 'cpu' }
    runKernel('bnb4Quantize', params, [encode('float32', [2, -2, 0, 0.9])], [packed, absMax])
    expect([...packed]).toEqual([0xf0, 0x7c])
    expect(new Float32Array(absMax.buffer)[0]).toBe(2)
  })

  it('a block that holds a NaN or an infinity is counted', () => {
    const values = Array.from({ length: 96 }, (_, i) => (i === 40 ? Infinity : i === 70 ? Number.NaN : 1))
    const params = { dtype: 'float32', rows: 3, columns: 32, quantType: 'nf4', blockSize: 32, profile: 'cpu' }
    const outputs = [new Uint8Array(48), new Uint8Array(12)]
    expect(runKernel('bnb4Quantize', params, [encode('float32', values)], outputs)).toEqual({ nonFinite: 2 })
  })

  it('llmInt8Quantize counts a row that overflows float16', () => {
    const params = { dtype: 'float32', rows: 2, columns: 2 }
    const outputs = [new Uint8Array(4), new Uint8Array(8)]
    const result = runKernel('llmInt8Quantize', params, [encode('float32', [65520, 1, 65519, 1])], outputs)
    expect(result).toEqual({ nonFinite: 1 })
    expect([...new Float32Array(outputs[1]!.buffer)]).toEqual([Number.NaN, 65504])
    expect([...new Int8Array(outputs[0]!.buffer)]).toEqual([0, 0, 127, 0])
  })

  it.each([16, 48 + 1, 0])('a block size of %i is refused', (wrong) => {
    const params = {
      dtype: 'float32',
      rows: 1,
      columns: 0,
      quantType: 'nf4',
      blockSize: wrong,
      profile: 'cpu',
    }
    expect(() => runKernel('bnb4Quantize', params, [new Uint8Array(0)], [])).toThrow(/blockSize/)
  })
})
