import { expect, test } from 'vitest'
import { reference, transposedCodes } from './index.js'

test.each([
  ['one piece', 3, 5],
  ['several pieces', 2 ** 21, 3],
  ['no rows', 0, 4],
  ['no columns', 4, 0],
])('%s: the pieces behind each other are the transposed weight', (_name, rows, columns) => {
  const codes = new Uint8Array(rows * columns).map((_, i) => i * 7 + (i >> 8))
  const whole = new Uint8Array(codes.length)
  reference.transposeCodes({ rows, columns }, [codes], [whole])
  const pieces = [...transposedCodes(codes, rows, columns)]
  expect(Buffer.compare(Buffer.concat(pieces), whole)).toBe(0)
  expect(pieces.every(({ byteLength }) => byteLength <= 2 ** 22)).toBe(true)
})
