import { packStream, unpackStream, wordsFor } from '@hfquant/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BITS } from './bits.js'
import { detectZeroPointFormat, packZeroPoints, unpackZeroPoints } from './zero-points.js'

const bits = fc.constantFrom(...BITS)
const codes = (width: number, count: number) =>
  Uint8Array.from({ length: count }, (_, i) => (i * 5 + 3) % 2 ** width)

describe('streams of codes', () => {
  test('are read as they were written, whatever their width and length', () => {
    fc.assert(
      fc.property(bits, fc.integer({ min: 0, max: 100 }), (width, count) => {
        const words = new Int32Array(wordsFor(count, width))
        packStream(codes(width, count), width, words)
        expect(unpackStream(words, width, count)).toEqual(codes(width, count))
      }),
    )
  })

  test('of three bits straddle words as the spec draws them', () => {
    const words = new Int32Array(3)
    packStream(
      Uint8Array.from({ length: 32 }, (_, k) => (k === 10 ? 0b110 : k === 21 ? 0b011 : 0)),
      3,
      words,
    )
    expect([...words].map((word) => word >>> 0)).toEqual([0b10 * 2 ** 30, 1 + 1 * 2 ** 31, 0b01])
  })
})

describe('zero points', () => {
  test('come back from both formats, those of 0 included', () => {
    fc.assert(
      fc.property(
        bits,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (width, groups, rows) => {
          const zeros = codes(width, groups * rows)
          for (const format of ['gptq', 'gptq_v2'] as const) {
            const words = packZeroPoints(zeros, groups, rows, width, format)
            expect(unpackZeroPoints(words, groups, rows, width, format)).toEqual(zeros)
          }
        },
      ),
    )
  })

  test('of symmetric weights tell their own format', () => {
    for (const width of BITS) {
      const zeros = new Uint8Array(64).fill(2 ** (width - 1))
      for (const format of ['gptq', 'gptq_v2'] as const) {
        expect(detectZeroPointFormat(packZeroPoints(zeros, 2, 32, width, format), 2, 32, width)).toBe(format)
      }
    }
    const mixed = packZeroPoints(Uint8Array.of(1, 2, 8, 8, 8, 8, 8, 8), 1, 8, 4, 'gptq')
    expect(detectZeroPointFormat(mixed, 1, 8, 4)).toBeUndefined()
  })

  test('are recognised by every field, and by nothing that pads the last word of a group', () => {
    const weight = fc.record({
      width: bits,
      groups: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer({ min: 1, max: 40 }),
      below: fc.constantFrom(0, 1),
      spoiled: fc.option(fc.nat()),
      padding: fc.integer(),
    })
    fc.assert(
      fc.property(weight, ({ width, groups, rows, below, spoiled, padding }) => {
        const stored = new Uint8Array(groups * rows).fill(2 ** (width - 1) - below)
        if (spoiled !== null) stored[spoiled % stored.length]! ^= 2 ** (width - 1)
        const words = packZeroPoints(stored, groups, rows, width, 'gptq_v2')
        const perGroup = wordsFor(rows, width)
        const used = (rows * width) % 32
        for (let group = 1; used > 0 && group <= groups; group++) {
          words[group * perGroup - 1]! |= padding & (-1 << used)
        }
        const fields = unpackZeroPoints(words, groups, rows, width, 'gptq_v2')
        const isAll = (zero: number) => fields.every((field) => field === zero)
        const middle = 2 ** (width - 1)
        const wanted = isAll(middle) ? 'gptq_v2' : isAll(middle - 1) ? 'gptq' : undefined
        expect(detectZeroPointFormat(words, groups, rows, width)).toBe(wanted)
      }),
    )
  })

  test('of a symmetric 4-bit file are the words that everyone writes', () => {
    const zeros = new Uint8Array(8).fill(8)
    expect(packZeroPoints(zeros, 1, 8, 4, 'gptq')[0]! >>> 0).toBe(0x77777777)
    expect(packZeroPoints(zeros, 1, 8, 4, 'gptq_v2')[0]! >>> 0).toBe(0x88888888)
  })
})
