import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CAST_DTYPES, reference, runKernel } from './index.js'
import { castBytes } from './reference/cast-dtypes.js'

test('transposeFloats is its formula, and twice is nothing', () => {
  const size = fc.integer({ min: 0, max: 150 })
  fc.assert(
    fc.property(fc.constantFrom(...CAST_DTYPES), size, size, fc.integer(), (dtype, rows, columns, seed) => {
      const source = new Uint8Array(rows * columns * castBytes(dtype)).map(
        (_, index) => (index * 31 + seed) & 255,
      )
      const turned = new Uint8Array(source.length)
      const wanted = new Uint8Array(source.length)
      const back = new Uint8Array(source.length)
      runKernel('transposeFloats', { dtype, rows, columns }, [source], [turned])
      reference.transposeFloats({ dtype, rows, columns }, [source], [wanted])
      expect(turned).toEqual(wanted)
      runKernel('transposeFloats', { dtype, rows: columns, columns: rows }, [turned], [back])
      expect(back).toEqual(source)
    }),
    { numRuns: 40 },
  )
})
