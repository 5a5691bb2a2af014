import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GGUF_BLOCK_BYTES, type GgufBlockType, reference, runKernel } from './index.js'
import { dtypes, encode, weights } from './weights.arbitrary.js'

const types = ['Q8_0', 'Q4_0'] as const

function quantize(type: GgufBlockType, values: readonly number[]) {
  const blocks = new Uint8Array((values.length / 32) * GGUF_BLOCK_BYTES[type])
  const params = { type, dtype: 'float32', rows: 1, columns: values.length }
  const { nonFinite } = runKernel('ggufBlocks', params, [encode('float32', values)], [blocks])
  return { hex: Buffer.from(blocks).toString('hex'), nonFinite }
}

/** Bytes of llama.cpp's own quantizer. */
describe('blocks that llama.cpp makes', () => {
  const wave = Array.from({ length: 32 }, (_, i) => (((7 * i) % 32) - 15) / 8)
  const extremes = Array.from({ length: 32 }, (_, i) => (i === 3 ? -1 : i === 9 ? 1 : (i - 16) / 32))

  it.each([
    ['Q8_0', wave, '082489c0f83067a1d810477fb9f0285f99d0084077b1e8205791c800386fa9e0184f'],
    ['Q4_0', wave, '00b48f4c19d5a26e3bf7c4805d19e6a27f3b'],
    ['Q4_0', extremes, '0030848495909595a6a6a6afb7b7b7b7c8c8'],
  ] as const)('%s', (type, values, hex) => {
    expect(quantize(type, values)).toEqual({ hex, nonFinite: 0 })
  })

  it('a block of zeros has the scale 0, in Q4_0 with the sign of 0 / -8', () => {
    const zeros = new Array<number>(32).fill(0)
    expect(quantize('Q8_0', zeros).hex).toBe('00'.repeat(34))
    expect(quantize('Q4_0', zeros).hex).toBe(`0080${'88'.repeat(16)}`)
  })

  it('half codes of Q8_0 go away from zero, and one just below a half goes down', () => {
    // The largest value makes d = 1, so that values are codes before rounding.
    const values = [127, 0.5, -0.5, 2.5, -2.5, 0.49999997, ...new Array<number>(26).fill(0)]
    expect(quantize('Q8_0', values).hex.slice(4, 16)).toBe('7f01ff03fd00')
  })
})

it.each([
  ['a NaN', Number.NaN],
  ['an infinity', -Infinity],
  ['a scale beyond float16', 3e38],
])('a block with %s is counted', (_, poison) => {
  const values = Array.from({ length: 96 }, (_, i) => (i === 40 ? poison : 1))
  for (const type of types) expect(quantize(type, values).nonFinite).toBe(1)
})

it('columns that do not divide into blocks are refused', () => {
  const params = { type: 'Q8_0', dtype: 'float32', rows: 1, columns: 48 }
  expect(() => runKernel('ggufBlocks', params, [new Uint8Array(192)], [])).toThrow(/multiple of 32/)
})

/** Rows are drawn one by one, so that a NaN in one does not hide the arithmetic of the others. */
const matrix = fc
  .record({
    type: fc.constantFrom(...types),
    dtype: dtypes,
    rows: fc.integer({ min: 0, max: 4 }),
    columns: fc.constantFrom(0, 32, 64, 96),
  })
  .chain((p) => {
    const rows = Array.from({ length: p.rows }, () => weights(p.dtype, p.columns))
    return fc.tuple(
      fc.constant(p),
      fc.tuple(...rows).map((parts) => new Uint8Array(Buffer.concat(parts))),
    )
  })

describe('every kernel gives the bytes of its formula', () => {
  it('ggufBlocks', () => {
    fc.assert(
      fc.property(matrix, ([p, weight]) => {
        const length = ((p.rows * p.columns) / 32) * GGUF_BLOCK_BYTES[p.type]
        const [fast, plain] = [new Uint8Array(length).fill(0xa5), new Uint8Array(length).fill(0x5a)]
        const result = runKernel('ggufBlocks', p, [weight], [fast])
        expect(result).toEqual(reference.ggufBlocks(p, [weight], [plain]))
        expect(fast).toEqual(plain)
      }),
      { numRuns: 1000 },
    )
  })
})
