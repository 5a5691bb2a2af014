import fc from 'fast-check'
import { expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import {
  GGUF_CODED_TYPES,
  GGUF_ROUNDED_TYPES,
  type GgufCodedType,
  type GgufRoundedType,
  ggufCodeBlock,
  reference,
  runKernel,
} from './index.js'
import { encode } from './weights.arbitrary.js'

const TYPES = Object.keys(GGUF_CODED_TYPES) as GgufCodedType[]
const hasOffsets = (type: GgufCodedType): boolean => 'leastOf' in GGUF_CODED_TYPES[type]

/** Any bytes are blocks, if some of them have scales that are no numbers. */
const blocksOf = (types: readonly GgufCodedType[]) =>
  fc.constantFrom(...types).chain((type) => {
    const { blockBytes } = GGUF_CODED_TYPES[type]
    const count = fc.integer({ min: 0, max: 4 })
    return fc.record({
      type: fc.constant(type),
      bytes: count.chain((blocks) =>
        fc.uint8Array({ minLength: blocks * blockBytes, maxLength: blocks * blockBytes }),
      ),
    })
  })

it.each(['codes', 'scales', 'offsets'] as const)('%s of blocks are those of the formula', (part) => {
  fc.assert(
    fc.property(blocksOf(part === 'offsets' ? TYPES.filter(hasOffsets) : TYPES), ({ type, bytes }) => {
      const { blockValues, blockBytes, bits } = GGUF_CODED_TYPES[type]
      const columns = (bytes.length / blockBytes) * blockValues
      const length = part === 'codes' ? (columns * bits) / 8 : (columns / ggufCodeBlock(type)) * 4
      const [fast, plain] = [new Uint8Array(length).fill(0xa5), new Uint8Array(length)]
      const params = { type, rows: 1, columns, part }
      const result = runKernel('ggufCodes', params, [bytes], [fast])
      expect(result).toEqual(reference.ggufCodes(params, [bytes], [plain]))
      // Which bits a NaN has is left to the processor.
      const compared =
        part === 'codes' ? [fast, plain] : [fast, plain].map((made) => new Float32Array(made.buffer))
      expect(compared[0]).toEqual(compared[1])
    }),
    { numRuns: 2000 },
  )
})

it('neighbours share a byte of 4-bit codes', () => {
  const ramp = Array.from({ length: 32 }, (_, i) => -1 + i / 16)
  const block = new Uint8Array(18)
  const shape = { type: 'Q4_0', rows: 1, columns: 32 }
  runKernel('ggufBlocks', { ...shape, dtype: 'float32' }, [encode('float32', ramp)], [block])
  const [codes, scales] = [new Uint8Array(16), new Uint8Array(4)]
  runKernel('ggufCodes', { ...shape, part: 'codes' }, [block], [codes])
  runKernel('ggufCodes', { ...shape, part: 'scales' }, [block], [scales])
  const unpacked = [...codes].flatMap((byte) => [byte & 15, byte >> 4])
  const scale = new Float32Array(scales.buffer)[0]!
  for (const [i, code] of unpacked.entries())
    expect(Math.abs((code - 8) * scale - ramp[i]!)).toBeLessThan(0.126)
  expect(scale).toBe(0.125)
})

it('a scale that is no number is counted', () => {
  // A power of two is one, whatever its exponent is.
  for (const type of TYPES.filter((type) => type !== 'MXFP4')) {
    const { blockValues, blockBytes } = GGUF_CODED_TYPES[type]
    const bytes = new Uint8Array(blockBytes).fill(1)
    // The last two bytes of K blocks of six and three bits, the first two of the others.
    const at = /^Q[36]/.test(type) ? blockBytes - 2 : 0
    new DataView(bytes.buffer).setUint16(at, 0x7c00, true)
    const scales = new Uint8Array((blockValues / ggufCodeBlock(type)) * 4)
    const params = { type, rows: 1, columns: blockValues, part: 'scales' }
    expect(runKernel('ggufCodes', params, [bytes], [scales]).nonFinite).toBe(scales.length / 4)
  }
})

it('blocks without least values have no offsets', () => {
  const params = { type: 'Q4_0', rows: 1, columns: 32, part: 'offsets' }
  expect(() => runKernel('ggufCodes', params, [new Uint8Array(18)], [new Uint8Array(4)])).toThrow(
    /codes, scales/,
  )
})

it('columns that do not divide into blocks are refused', () => {
  const params = { type: 'Q6_K', rows: 1, columns: 128, part: 'codes' }
  expect(() => runKernel('ggufCodes', params, [new Uint8Array(105)], [])).toThrow(/multiple of 256/)
})

it.each(['codes', 'scales'] as const)('%s of blocks with least values are those of the formula', (part) => {
  const call = fc.constantFrom(...(Object.keys(GGUF_ROUNDED_TYPES) as GgufRoundedType[])).chain((type) => {
    const { blockBytes, blockValues } = GGUF_ROUNDED_TYPES[type]
    const columns = Math.max(64, blockValues)
    const length = (columns / blockValues) * blockBytes
    const blocks = fc.uint8Array({ minLength: length, maxLength: length })
    return fc.record({ type: fc.constant(type), columns: fc.constant(columns), blocks })
  })
  fc.assert(
    fc.property(call, ({ type, columns, blocks }) => {
      const params = { type, rows: 1, columns, groupSize: 64, part }
      const length = part === 'codes' ? columns : (columns / 64) * 4
      // Any bytes are blocks; which bits a NaN has is left to the processor.
      const { nonFinite } = reference.ggufRounded(params, [blocks], [new Uint8Array(length)])
      if (nonFinite === 0) expectEqualBytes('ggufRounded', params, [blocks], [length])
      else expect(runKernel('ggufRounded', params, [blocks], [new Uint8Array(length)])).toEqual({ nonFinite })
    }),
    { numRuns: 500 },
  )
})
