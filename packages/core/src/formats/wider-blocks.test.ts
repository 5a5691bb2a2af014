import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinCodes, joinedRatios, joinScales, widerBlocks } from './wider-blocks.js'

/** Of either sign, and not so small that numbers have fewer bits there. */
const scale = fc.float({ min: -8, max: 8, noNaN: true }).map((value) => (Math.abs(value) < 1e-30 ? 0 : value))

/** Sixteen integers of six bits for each scale. */
const groups = fc.array(scale, { minLength: 8, maxLength: 8 }).chain((scales) =>
  fc.record({
    scales: fc.constant(Float32Array.from(scales)),
    codes: fc.int8Array({ minLength: 128, maxLength: 128, min: -32, max: 31 }),
  }),
)

test('joined blocks are off by an eighth of their largest scale, by a quarter where signs meet', () => {
  const wider = widerBlocks(16, 128, 32)!
  expect(wider).toEqual({ from: 16, to: 64, headroom: 4 })
  fc.assert(
    fc.property(groups, ({ scales, codes }) => {
      const joined = joinScales(scales, wider)
      const made = joinCodes(new Uint8Array(codes.buffer), joinedRatios(scales, wider), wider.from)
      for (const [at, code] of codes.entries()) {
        const group = Math.floor(at / 16)
        const block = Math.floor(at / 64)
        const own = scales.subarray(block * 4, block * 4 + 4)
        const largest = Math.max(...own.map(Math.abs))
        const signs = new Set(own.filter((scale) => scale !== 0).map(Math.sign))
        const off = Math.abs((made[at]! - 128) * joined[block]! - code * scales[group]!)
        expect(off).toBeLessThanOrEqual((signs.size > 1 ? 0.25 : 0.125) * largest * (1 + 1e-4))
        if (scales[group] === joined[block]! * 4) expect(off).toBe(0)
      }
    }),
  )
})

test('blocks are joined where rows are made of whole ones', () => {
  expect(widerBlocks(16, 96, 12)).toEqual({ from: 16, to: 32, headroom: 8 })
  expect(widerBlocks(16, 48, 12)).toBeUndefined()
  expect(widerBlocks(64, 128, 12)).toBeUndefined()
})
